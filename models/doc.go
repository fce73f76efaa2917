// Package models holds the weights that outrider brings along and the catalogue of those it
// knows. Weights are pinned by SHA-256 and checked when they are loaded.
package models
