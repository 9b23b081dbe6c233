#pragma once
// Config rig: configurations that are good, and what is told about those that are not. Only in
// tests.
//
// Threads: main thread.

#include "config/config.h"

// Set a variable of the environment; NULL takes it away.
void rig_set_variable(const char *name, const char *value);

// The configuration of a text without mistakes; the caller frees it.
struct config *rig_parse_config(const char *text);

// What is wanted of stream `i`; good until the next call.
const struct request_defaults *rig_defaults(const struct config *config, size_t i);

// All mistakes, one line each, as those of "bad.yaml"; they are freed, and the caller frees the
// text.
char *rig_tell_mistakes(struct config_mistakes *mistakes);

// The variable of the environment, with this value, is refused with these words.
void rig_expect_variable_refused(const char *name, const char *value, const char *expected);

// What is told about a text (of n bytes) that must be refused; the caller frees it.
char *rig_refuse_config(const char *text, size_t n);

// The text is refused with these words.
void rig_expect_refused(const char *text, const char *expected);
