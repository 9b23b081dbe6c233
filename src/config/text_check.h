#pragma once
// Text check: settings' texts that not all are good (setting.is_good). Private to config/. What
// each expects, its row of the table says.
//
// Threads: main thread.

#include <stdbool.h>

// HOST:PORT.
bool config_is_address(const char *value);

// A page's origin; a server's name without a port.
bool config_is_origin(const char *word);
bool config_is_host_name(const char *word);

// A number from 1, or a language's code.
bool config_is_track(const char *value);

// The name of a stream, or a glob.
bool config_is_glob(const char *word);

// A language's code; a kind of the journal's rows.
bool config_is_language(const char *word);
bool config_is_kind(const char *word);

// Addresses: "192.0.2.0/24".
bool config_is_network(const char *word);

// What a dialect's name may be; which there are, the server knows.
bool config_is_dialect(const char *word);

// A call's UUID and a stream's name, "UUID=NAME", or "*".
bool config_is_call(const char *word);

// A scope for those without a token.
bool config_is_anonymous_scope(const char *word);
