#include "pipeline/language_vote.h"

#include <stdio.h>
#include <string.h>

static size_t count(const struct language_vote *vote, const char *language) {
        size_t n = 0;

        for (size_t i = 0; i < vote->n; i++)
                n += strcmp(vote->votes[i], language) == 0;
        return n;
}

void language_vote_add(struct language_vote *vote, const char *language, float probability,
                       float threshold, size_t n_max) {
        char *place = vote->votes[vote->n++];
        size_t most = 0;

        snprintf(place, LANGUAGE_CODE_MAX, "%s", language);
        vote->is_over = vote->n >= n_max || vote->n == LANGUAGE_VOTES_MAX;
        if (language[0] != '\0' && probability > threshold) {
                memcpy(vote->language, place, LANGUAGE_CODE_MAX);
                vote->is_over = true;
                return;
        }
        // Of two with as many votes, the one that was heard first.
        for (size_t i = 0; i < vote->n; i++)
                if (vote->votes[i][0] != '\0' && count(vote, vote->votes[i]) > most) {
                        most = count(vote, vote->votes[i]);
                        memcpy(vote->language, vote->votes[i], LANGUAGE_CODE_MAX);
                }
}
