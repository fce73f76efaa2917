// Package config reads outrider's YAML configuration: defaults, then a strict decode, then
// Validate. An empty file is a valid configuration: the demo.
//
// Errors name the line, the column and, for an unknown key, the nearest known one. Values
// may take secrets from outside: ${NAME} is an environment variable, a value of the form
// file:/path in a [Secret] field is that file's content. A Secret prints as *** wherever
// it is printed.
//
// Only the command imports this package; the other rooms get their parameters as plain
// struct fields.
package config
