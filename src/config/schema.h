#pragma once
// Schema: the configuration file as JSON Schema (draft 2020-12), made from the table of
// settings: for editors, for whoever writes configurations with a program, and for the tables
// of docs/configuration.md.
//
// Beside the standard's own words each setting has x-expected (its values in words),
// x-applies (server, stream, client), x-default (what holds where there is no default value),
// x-environment (its variable), x-options (verbs and their option), and x-restart where a
// change needs a restart of the server.
//
// Threads: any; no state.

// The schema as text, with a newline at its end. The caller frees it.
char *config_schema(void);
