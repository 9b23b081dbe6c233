#include "media/tracks.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/language.h"

#define SILENT_DB (-60.0)

// The number that the whole text is; 0 if it is none.
static unsigned long number_of(const char *wish) {
        char *end;
        unsigned long number;

        if (*wish < '0' || *wish > '9')
                return 0;
        number = strtoul(wish, &end, 10);
        return *end == '\0' ? number : 0;
}

static int by_number(struct media_opened *ret, unsigned n_tracks, unsigned long number,
                     struct error *error) {
        if (number < 1 || number > n_tracks)
                return error_set(error, -ENOENT, "there is no sound track %lu: %s %u", number,
                                 n_tracks == 1 ? "there is only" : "the last is", n_tracks);
        snprintf(ret->why, sizeof(ret->why), "it was asked for");
        return (int)number - 1;
}

static int by_language(struct media_opened *ret, unsigned n_tracks, const char *wish,
                       struct error *error) {
        char found[128] = "";
        size_t n = 0;

        for (unsigned i = 0; i < n_tracks && i < MEDIA_TRACKS_MAX; i++) {
                const char *language = ret->tracks[i].language;

                if (media_language_is_same(language, wish)) {
                        snprintf(ret->why, sizeof(ret->why), "its language '%s' was asked for",
                                 language);
                        return (int)i;
                }
                if (*language && n < sizeof(found))
                        n += (size_t)snprintf(found + n, sizeof(found) - n, "%s%s",
                                              n ? ", " : "", language);
        }
        return error_set(error, -ENOENT, "there is no sound track in '%s' (%s%s)", wish,
                         n ? "there are: " : "no track's language is told", found);
}

int media_tracks_find(struct media_opened *ret, unsigned n_tracks, const char *wish,
                      struct error *error) {
        if (*wish >= '0' && *wish <= '9')
                return by_number(ret, n_tracks, number_of(wish), error);
        if (*wish)
                return by_language(ret, n_tracks, wish, error);
        if (n_tracks > 1)
                return MEDIA_TRACKS_BY_EAR;
        snprintf(ret->why, sizeof(ret->why), "it is the only one");
        return 0;
}

int media_tracks_speaking(const struct media_track_heard *heard, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                if (heard[i].is_speech)
                        return (int)i;
        return -1;
}

int media_tracks_loudest(const struct media_track_heard *heard, unsigned n, bool *ret_silent) {
        int best = 0;

        *ret_silent = true;
        for (unsigned i = 0; i < n; i++)
                if (!isnan(heard[i].level) && heard[i].level > SILENT_DB &&
                    (*ret_silent || heard[i].level > heard[best].level)) {
                        best = (int)i;
                        *ret_silent = false;
                }
        return best;
}
