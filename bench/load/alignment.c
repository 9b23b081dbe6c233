#include "load/alignment.h"

#include <stdbool.h>
#include <stdlib.h>

#include "util/mem.h"

// An edit's cost. Of the ways with the fewest edits the one with the fewest substitutions is
// taken, which is the one with the most equal pairs: so a substitution costs one more.
#define EDIT ((uint64_t)1 << 32)

enum step { STEP_PAIR, STEP_DELETE, STEP_INSERT };

// Fill one row of the table of steps; `costs` are the last row's and become this one's. Where
// several steps cost the same, words are paired as early as possible: what is missing at the
// end of the hypothesis has no counterpart by chance.
static void row_fill(const struct word *word, const struct word *hypothesis, size_t m,
                     uint64_t *costs, uint8_t *row) {
        uint64_t diagonal = costs[0];

        costs[0] += EDIT;
        row[0] = STEP_DELETE;
        for (size_t j = 1; j <= m; j++) {
                bool is_equal = word->id == hypothesis[j - 1].id;
                uint64_t pair = diagonal + (is_equal ? 0 : EDIT + 1);
                uint64_t without = costs[j] + EDIT, with = costs[j - 1] + EDIT;

                diagonal = costs[j];
                row[j] = STEP_PAIR;
                costs[j] = pair;
                if (without < pair || (without == pair && !is_equal)) {
                        row[j] = STEP_DELETE;
                        costs[j] = without;
                }
                if (with < costs[j]) {
                        row[j] = STEP_INSERT;
                        costs[j] = with;
                }
        }
}

// Fill the table and return the row where the way back begins.
static size_t table_fill(const struct word *reference, size_t n, const struct word *hypothesis,
                         size_t m, uint8_t *steps, enum alignment_mode mode) {
        uint64_t *costs = xcalloc(m + 1, sizeof(*costs)), least;
        size_t end = 0;

        for (size_t j = 1; j <= m; j++) {
                costs[j] = j * EDIT;
                steps[j] = STEP_INSERT;
        }
        least = costs[m];
        for (size_t i = 1; i <= n; i++) {
                row_fill(&reference[i - 1], hypothesis, m, costs, steps + i * (m + 1));
                if (costs[m] < least) {
                        least = costs[m];
                        end = i;
                }
        }
        free(costs);
        return mode == ALIGNMENT_PREFIX ? end : n;
}

struct alignment alignment_compute(const struct word *reference, size_t n,
                                   const struct word *hypothesis, size_t m,
                                   enum alignment_mode mode, size_t *ret) {
        uint8_t *steps = xcalloc((n + 1) * (m + 1), 1);
        struct alignment alignment = {0};
        size_t i = table_fill(reference, n, hypothesis, m, steps, mode), j = m;

        for (size_t rest = i; ret && rest < n; rest++)
                ret[rest] = ALIGNMENT_NONE;
        while (i || j) {
                enum step step = steps[i * (m + 1) + j];

                if (step == STEP_INSERT) {
                        j--;
                        alignment.n_inserted++;
                        continue;
                }
                i--;
                if (ret)
                        ret[i] = step == STEP_PAIR ? j - 1 : ALIGNMENT_NONE;
                if (step == STEP_DELETE) {
                        alignment.n_deleted++;
                        continue;
                }
                j--;
                if (reference[i].id == hypothesis[j].id)
                        alignment.n_correct++;
                else
                        alignment.n_substituted++;
        }
        free(steps);
        return alignment;
}
