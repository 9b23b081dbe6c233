#include "load/capacity.h"

#include <math.h>
#include <stdio.h>

#define PRECISION 8  // of the number found

bool capacity_is_broken(const struct capacity_limits *limits, struct live_result *result,
                        char *ret, size_t n) {
        struct score *score = &result->score;
        const struct {
                const char *name, *unit;
                double value, limit;
        } checks[] = {
                {"last word on screen p95", " s",
                 distribution_quantile(&score->last_word_delay, 0.95), limits->last_word_p95},
                {"final p95", " s", distribution_quantile(&score->final_delay, 0.95),
                 limits->final_p95},
                {"words lost", " %", score_lost_percent(score), limits->lost_percent},
                {"WER", " %", score_wer_percent(score), limits->wer_percent},
        };

        ret[0] = '\0';
        if (result->n_refused + result->n_broken > 0) {
                snprintf(ret, n, "%zu refused, %zu broken off: %s", result->n_refused,
                         result->n_broken, result->trouble.text);
                return true;
        }
        for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
                // Without a single value (NAN) nothing was delivered.
                if (checks[i].value <= checks[i].limit ||
                    (isnan(checks[i].value) && isinf(checks[i].limit)))
                        continue;
                snprintf(ret, n, "%s: %.2f%s, limit %g", checks[i].name, checks[i].value,
                         checks[i].unit, checks[i].limit);
                return true;
        }
        return false;
}

struct capacity_search capacity_begin(size_t from, size_t most) {
        return (struct capacity_search){.next = from < most ? from : most, .most = most};
}

void capacity_tell(struct capacity_search *search, bool has_held) {
        if (has_held)
                search->held = search->next;
        else
                search->broke = search->next;
        if (search->broke == 0) {
                search->next = search->held >= search->most ? 0 : 2 * search->held;
                if (search->next > search->most)
                        search->next = search->most;
        } else if (search->broke - search->held <= 1 + search->held / PRECISION) {
                search->next = 0;
        } else {
                search->next = search->held + (search->broke - search->held) / 2;
        }
}
