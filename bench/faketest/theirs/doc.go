// Package deploy has the one test that the weight of a fake is measured on.
package deploy
