#pragma once
// NATS subject: a template with fields of a row in braces, "eavesdrop.{stream}", made into the
// subject of one row.
//
// Threads: any; no state.

#include <stddef.h>

#include "journal/row.h"
#include "util/error.h"

#define NATS_SUBJECT_DEFAULT "eavesdrop.{stream}"
#define NATS_SUBJECT_MAX     1024  // bytes of a subject

// 0, or -EINVAL with words: no name of a field, an empty part, or what no subject may hold.
int nats_subject_check(const char *subject, struct error *error);

// The subject of that row; the caller frees it. What a subject forbids in a field's value
// (blanks, control characters, '.', '*', '>') and '%' are percent-encoded byte by byte, and a
// value that is absent is "%00", so that two values never share a subject.
char *nats_subject_make(const char *subject, const struct row *row);

// What all of its subjects match: parts with a field are "*". The caller frees it.
char *nats_subject_pattern(const char *subject);
