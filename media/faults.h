#pragma once
// Faults: from the libraries' codes and log lines to the faults that records know, with the
// words that tell people more. What is kept and given out is redacted.
//
// Threads: any one at a time.

#include <stdbool.h>

#include "media/records.h"

struct media_faults {
        enum media_fault fault;       // the most telling one so far; MEDIA_FAULT_NONE: none
        bool is_ours;                 // we found it ourselves: no line tells more
        char words[MEDIA_WORDS_MAX];  // of the line that told it
};

void media_faults_init(struct media_faults *faults);

// Take in a line of the libraries' log. `is_error`: it is one even when nobody knows it.
void media_faults_note(struct media_faults *faults, bool is_error, const char *line);

// What we found out ourselves; the first stays.
void media_faults_set(struct media_faults *faults, enum media_fault fault, const char *format,
                      ...) __attribute__((format(printf, 3, 4)));

// What a library's call that failed with `code` (an AVERROR) comes to. The lines before it tell
// more than codes do. `ret_words` are MEDIA_WORDS_MAX bytes.
enum media_fault media_faults_judge(const struct media_faults *faults, int code,
                                    char *ret_words);
