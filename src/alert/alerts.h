#pragma once
// Alerts: which words should somebody be told of at once? Words, phrases and regular
// expressions are looked for in final text, or in the stable words of what is being said.
//
// Threads: any one at a time; alert_check() any.
// Memory:  the configurations are copied.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alert/alert_config.h"
#include "journal/row.h"
#include "util/cleanup.h"
#include "util/error.h"

struct alerts;

// Whether it makes sense: 0, or -EINVAL and words that say which pattern is wrong and where;
// *ret_key is then the setting that is wrong, static ("patterns").
int alert_check(const struct alert_config *config, const char **ret_key, struct error *error);

// Who is given the rows of alerts, each taken, ready for the journal but for its id, which is
// made there and told: a row that confirms or withdraws what fired refers to it.
typedef void alert_emit(void *context, struct row *row, uint8_t ret_id[ROW_ID_BYTES]);

// -EINVAL with words.
int alerts_new(struct alerts **ret, const struct alert_config *configs, size_t n,
               alert_emit *emit, void *context, struct error *error);

// Look for these from now on, in what is being said, too. One that was there with the same
// settings goes on: it rests where it rested, and what is pending of it stays. What is pending
// of the others is withdrawn, and they begin anew, but for how often one of that name fired.
// -EINVAL with words, and nothing has changed.
int alerts_set(struct alerts *alerts, const struct alert_config *configs, size_t n,
               struct error *error);

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

// How an alert fared.
struct alert_figures {
        const char *name;  // lent
        uint64_t n_fired;
        int64_t last;  // when it fired last, by the time of what was said, in Unix ms; 0: never
};

// Of the i-th, and of the one with that name; false when there is none.
bool alerts_figures(const struct alerts *alerts, size_t i, struct alert_figures *ret);
bool alerts_figures_of(const struct alerts *alerts, const char *name,
                       struct alert_figures *ret);

// How often a pattern ran into its limit and did not match for that; patterns of all alerts.
uint64_t alerts_limited(const struct alerts *alerts);

DEFINE_CLEANUP(struct alerts *, alerts_free);
