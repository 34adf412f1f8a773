// Package deploy has a test that uses mocks. The comparison measures how it compiles.
package deploy
