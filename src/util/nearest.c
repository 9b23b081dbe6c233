#include "util/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

// Longer than any word worth guessing; beyond it nothing is near.
#define WORD_MAX 32

static size_t smallest(size_t a, size_t b) {
        return a < b ? a : b;
}

static bool is_same_letter(char a, char b) {
        return tolower((unsigned char)a) == tolower((unsigned char)b);
}

// Optimal string alignment: insertions, deletions, replacements and swapped neighbours count
// one each; case is ignored. cost[i][j]: from the first i letters of `a` to the first j of `b`.
static size_t edit_distance(const char *a, const char *b) {
        size_t n_a = strlen(a), n_b = strlen(b);
        size_t cost[WORD_MAX + 1][WORD_MAX + 1];

        if (n_a > WORD_MAX || n_b > WORD_MAX)
                return WORD_MAX;
        for (size_t i = 0; i <= n_a; i++)
                cost[i][0] = i;
        for (size_t j = 0; j <= n_b; j++)
                cost[0][j] = j;
        for (size_t i = 1; i <= n_a; i++)
                for (size_t j = 1; j <= n_b; j++) {
                        size_t replaced =
                                cost[i - 1][j - 1] + !is_same_letter(a[i - 1], b[j - 1]);

                        cost[i][j] = smallest(smallest(cost[i - 1][j], cost[i][j - 1]) + 1,
                                              replaced);
                        if (i > 1 && j > 1 && is_same_letter(a[i - 1], b[j - 2]) &&
                            is_same_letter(a[i - 2], b[j - 1]))
                                cost[i][j] = smallest(cost[i][j], cost[i - 2][j - 2] + 1);
                }
        return cost[n_a][n_b];
}

const char *nearest_find(const char *word, const char *const *choices) {
        // A third of the letters may be wrong. Words of one or two letters are near too many
        // others (language codes) for anything but a difference in case.
        size_t length = strlen(word);
        size_t limit = length < 3 ? 0 : (length + 1) / 3;
        const char *nearest = NULL;

        for (; *choices; choices++) {
                size_t distance = edit_distance(word, *choices);

                if (distance <= limit && (!nearest || distance < limit)) {
                        limit = distance;
                        nearest = *choices;
                }
        }
        return nearest;
}
