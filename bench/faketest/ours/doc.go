// Package deploy has a test that uses the fake server. The comparison measures how it compiles.
package deploy
