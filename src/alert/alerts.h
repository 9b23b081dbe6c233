#pragma once
// Alerts: which words should somebody be told of at once? Words, phrases and regular
// expressions are looked for in final text, or in the stable words of what is being said.
//
// Threads: loop thread only; alert_check() any.
// Memory:  the configurations are lent and outlive the alerts.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/row.h"
#include "util/cleanup.h"
#include "util/error.h"

struct alerts;

enum alert_when { ALERT_FINAL, ALERT_STABLE };

// One alert as it is configured.
struct alert_config {
        char *name;
        char *words;      // words and phrases, a line each; NULL: none
        char *patterns;   // regular expressions (PCRE2), a line each; NULL: none
        char *streams;    // names or globs, blanks between; NULL: all
        char *languages;  // codes, blanks between; NULL: all
        bool wants_sessions;
        double cooldown;  // seconds in which it does not fire again on the same stream
        int when;         // enum alert_when
};

// Whether it makes sense: 0, or -EINVAL and words that say which pattern is wrong and where,
// the alert's name in front if it has one.
int alert_check(const struct alert_config *config, struct error *error);

// Who is given the rows of alerts, each taken, ready for the journal but for its id, which is
// made there and told: a row that confirms or withdraws what fired refers to it.
typedef void alert_emit(void *context, struct row *row, uint8_t ret_id[ROW_ID_BYTES]);

// -EINVAL with words.
int alerts_new(struct alerts **ret, const struct alert_config *configs, size_t n,
               alert_emit *emit, void *context, struct error *error);

// NULL is fine. Returns NULL.
struct alerts *alerts_free(struct alerts *alerts);

// A final segment's row, with its id. What fires on it is given out before this returns, and
// so is whether what fired on its stable words is confirmed or withdrawn.
void alerts_on_segment(struct alerts *alerts, const struct row *segment);

// The tail of a stream: a row as a final's would be, of its stable words only, without an id.
// It is told after the finals of the same update, and when it has become empty (text "") too:
// what fired on it and is neither in a final nor in the tail any more is withdrawn.
void alerts_on_stable(struct alerts *alerts, const struct row *tail);

// Whether anybody wants stable words.
bool alerts_want_stable(const struct alerts *alerts);

// A new generation began on the stream of that name, or it is gone: what is said next does not
// follow what was said before.
void alerts_on_break(struct alerts *alerts, const char *name);

// How often the i-th fired, and its name; false when there is none.
bool alerts_count(const struct alerts *alerts, size_t i, const char **ret_name,
                  uint64_t *ret_n);

// How often a pattern ran into its limit and did not match for that; patterns of all alerts.
uint64_t alerts_limited(const struct alerts *alerts);

DEFINE_CLEANUP(struct alerts *, alerts_free);
