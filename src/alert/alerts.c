#include "alert/alerts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert_list.h"
#include "alert/alert_rules.h"
#include "alert/alert_stream.h"
#include "audio/pcm.h"
#include "util/list.h"
#include "util/mem.h"

// A phrase may go on in a segment that begins so soon after the one before.
#define BORDER_SAMPLES (2 * (int64_t)AUDIO_RATE)

// Of what fired on stable words, the place is guessed; what the final says instead may be so
// far from it.
#define PLACE_SAMPLES (3 * (int64_t)AUDIO_RATE)

#define N_BUCKETS 256  // of streams, by name

// How an alert fared.
struct alert_fate {
        uint64_t n_fired;
        int64_t last;  // Unix ms; 0: never
};

struct alerts {
        struct alert_config *configs;
        size_t n;
        struct alert_rules *rules;
        struct alert_fate *fates;  // by alert
        bool *hears;               // by alert: it is to be looked for in the row that was given
        uint64_t n_limited;        // of rules that are no more
        bool wants_stable, wants_sessions;  // some alert does
        alert_emit *emit;
        void *context;
        struct alert_stream *streams[N_BUCKETS];
        int64_t now;  // Unix ms, as rows tell it
};

// --- configurations --------------------------------------------------------------------------

int alert_check(const struct alert_config *config, const char **ret_key, struct error *error) {
        CLEANUP(alert_rules_freep) struct alert_rules *rules = NULL;

        return alert_rules_new(&rules, config, 1, ret_key, error);
}

// Rules of these; words name the alert that is wrong.
static int rules_make(struct alert_rules **ret, const struct alert_config *configs, size_t n,
                      struct error *error) {
        const char *key;

        if (alert_rules_new(ret, configs, n, &key, error) == 0)
                return 0;
        for (size_t i = 0; i < n; i++) {
                if (alert_check(&configs[i], &key, error) < 0) {
                        error_prefix(error, "alert '%s'", configs[i].name);
                        break;
                }
        }
        return -EINVAL;
}

// --- life ------------------------------------------------------------------------------------

int alerts_new(struct alerts **ret, const struct alert_config *configs, size_t n,
               alert_emit *emit, void *context, struct error *error) {
        CLEANUP(alerts_freep) struct alerts *alerts = xnew(struct alerts);
        int r;

        alerts->emit = emit;
        alerts->context = context;
        r = alerts_set(alerts, configs, n, error);
        if (r == 0)
                *ret = TAKE(alerts);
        return r;
}

struct alerts *alerts_free(struct alerts *alerts) {
        if (!alerts)
                return NULL;
        for (size_t i = 0; i < N_BUCKETS; i++)
                while (alerts->streams[i]) {
                        struct alert_stream *stream = alerts->streams[i];

                        alerts->streams[i] = stream->next;
                        alert_stream_free(stream);
                }
        alert_rules_free(alerts->rules);
        alert_configs_free(alerts->configs, alerts->n);
        free(alerts->fates);
        free(alerts->hears);
        return mem_free(alerts);
}

// --- streams ---------------------------------------------------------------------------------

static struct alert_stream **bucket_of(struct alerts *alerts, const char *name) {
        uint32_t hash = 2166136261U;

        for (; *name; name++)
                hash = (hash ^ (uint8_t)*name) * 16777619U;
        return &alerts->streams[hash % N_BUCKETS];
}

static struct alert_stream *stream_find(struct alerts *alerts, const char *name) {
        struct alert_stream *stream = *bucket_of(alerts, name);

        while (stream && strcmp(stream->name, name) != 0)
                stream = stream->next;
        return stream;
}

static bool is_cool(const struct alerts *alerts, const struct alert_firing *firing,
                    int64_t at) {
        return (double)llabs(at - firing->at) >= alerts->configs[firing->alert].cooldown * 1e3;
}

// Forget streams that are over and whose cooldowns have passed.
static void streams_sweep(struct alerts *alerts) {
        for (size_t i = 0; i < N_BUCKETS; i++)
                for (struct alert_stream *stream = alerts->streams[i], *next; stream;
                     stream = next) {
                        bool is_wanted = !stream->is_over;

                        for (size_t k = 0; k < stream->n_firings && !is_wanted; k++)
                                is_wanted = !is_cool(alerts, &stream->firings[k], alerts->now);
                        next = stream->next;
                        if (is_wanted)
                                continue;
                        LIST_UNLINK(alerts->streams[i], stream, next);
                        alert_stream_free(stream);
                }
}

// Which alerts are for it.
static void stream_choose(struct alert_stream *stream, const struct alert_config *configs,
                          size_t n) {
        free(stream->hears);
        stream->hears = xcalloc(n + 1, sizeof(*stream->hears));
        for (size_t i = 0; i < n; i++)
                stream->hears[i] = alert_list_has(configs[i].streams, stream->heard);
}

// Clients may call their streams what they like: each session is by itself.
static const char *name_of(const struct row *row) {
        return row->session ? row->session : row->stream;
}

static struct alert_stream *stream_get(struct alerts *alerts, const struct row *row) {
        struct alert_stream *stream = stream_find(alerts, name_of(row));
        struct alert_stream **bucket = bucket_of(alerts, name_of(row));

        if (stream)
                return stream;
        streams_sweep(alerts);
        stream = alert_stream_new(name_of(row), row->stream);
        stream_choose(stream, alerts->configs, alerts->n);
        stream->generation = row->generation;
        stream->next = *bucket;
        *bucket = stream;
        return stream;
}

// --- rows ------------------------------------------------------------------------------------

// Give the row out; a copy is kept for what may confirm or withdraw it.
static struct row *row_emit(struct alerts *alerts, struct row *row) {
        struct row *copy = row_copy(row);

        alerts->emit(alerts->context, row, copy->id);
        return copy;
}

static struct row *row_of_place(struct alerts *alerts, const struct alert_stream *stream,
                                const struct alert_place *place, enum row_phase phase) {
        struct passage passage = alert_stream_passage(stream, place->begin, place->end);
        struct row *row = passage_row(&passage);

        row->alert = xstrdup(alerts->configs[place->alert].name);
        row->phase = phase;
        return row;
}

// Say that what is pending there is not in the text that became final (NULL: there is none).
static void pending_withdraw(struct alerts *alerts, struct alert_stream *stream, size_t i,
                             const struct row *final) {
        struct row *row = TAKE(stream->pendings[i].row);

        alert_stream_settle(stream, i);
        if (!row)
                return;
        row->phase = ROW_WITHDRAWN;
        memcpy(row->firing, row->id, sizeof(row->firing));
        memset(row->id, 0, sizeof(row->id));
        if (final) {
                memcpy(row->segment, final->id, sizeof(row->segment));
                free(row->text);
                row->text = xstrdup(final->text);
        }
        row_free(row_emit(alerts, row));
}

static void pendings_unpair(struct alert_stream *stream) {
        for (size_t i = 0; i < stream->n_pendings; i++)
                stream->pendings[i].is_paired = false;
}

// Withdraw what is pending and was not found again, of sound that ended before `position`.
static void pendings_withdraw(struct alerts *alerts, struct alert_stream *stream,
                              int64_t position, const struct row *final) {
        for (size_t i = 0; i < stream->n_pendings;) {
                const struct alert_pending *pending = &stream->pendings[i];

                if (!pending->is_paired && pending->tail_end < position)
                        pending_withdraw(alerts, stream, i, final);
                else
                        i++;
        }
}

void alerts_on_break(struct alerts *alerts, const char *name) {
        struct alert_stream *stream = stream_find(alerts, name);

        if (!stream)
                return;
        pendings_unpair(stream);
        pendings_withdraw(alerts, stream, INT64_MAX, NULL);
        alert_stream_cut(stream);
        for (size_t i = 0; i < stream->n_firings; i++)
                stream->firings[i].until = 0;
        stream->is_over = true;
}

// --- looking ---------------------------------------------------------------------------------

// Which alerts are to be looked for in that row; false when none is.
static bool alerts_choose(struct alerts *alerts, const struct alert_stream *stream,
                          const struct row *row, bool is_final) {
        bool any = false;

        for (size_t i = 0; i < alerts->n; i++) {
                const struct alert_config *config = &alerts->configs[i];

                alerts->hears[i] =
                        stream->hears[i] && (!row->session || config->wants_sessions) &&
                        (is_final || config->when == ALERT_STABLE) &&
                        (!config->languages ||
                         (row->language && alert_list_has(config->languages, row->language)));
                any |= alerts->hears[i];
        }
        return any;
}

// What is said in that row does not follow what was said before: forget it.
static void stream_follow(struct alerts *alerts, struct alert_stream *stream,
                          const struct row *row) {
        int64_t pause = row->position - stream->end;

        if (row->generation != stream->generation)
                alerts_on_break(alerts, stream->name);
        else if (pause < 0 || pause > BORDER_SAMPLES)
                alert_stream_cut(stream);
        stream->generation = row->generation;
        stream->is_over = false;
        if (row->end > alerts->now)
                alerts->now = row->end;
}

static bool is_fired_already(const struct alert_stream *stream,
                             const struct alert_place *place) {
        const struct alert_firing *firing = alert_stream_fired(stream, place->alert);

        return firing && place->begin < firing->until;
}

// Fill in what places are paired by; those of which a part fired in an earlier segment go.
static void places_ready(struct alerts *alerts, const struct alert_stream *stream) {
        struct alert_rules *rules = alerts->rules;
        size_t n = 0;

        for (size_t i = 0; i < rules->n_places; i++) {
                struct alert_place place = rules->places[i];
                struct passage passage = alert_stream_passage(stream, place.begin, place.end);
                CLEANUP(mem_freep) char *found = NULL;
                int64_t end;

                if (is_fired_already(stream, &place))
                        continue;
                passage_span(&passage, &place.position, &end);
                if (alerts->configs[place.alert].when == ALERT_STABLE) {
                        found = passage_found(&passage);
                        place.key = fold_key(&rules->folded, found, strlen(found));
                }
                rules->places[n++] = place;
        }
        rules->n_places = n;
}

static bool is_pair(const struct alert_place *place, const struct alert_pending *pending,
                    bool same_words) {
        if (pending->is_paired || pending->alert != place->alert)
                return false;
        return same_words ? strcmp(pending->key, place->key) == 0
                          : llabs(pending->position - place->position) <= PLACE_SAMPLES;
}

// Find again what is pending: by the same words first, else by about the same time.
static void places_pair(struct alerts *alerts, struct alert_stream *stream) {
        struct alert_rules *rules = alerts->rules;

        pendings_unpair(stream);
        for (int same_words = 1; same_words >= 0; same_words--)
                for (size_t i = 0; i < rules->n_places; i++) {
                        struct alert_place *place = &rules->places[i];

                        for (size_t k = 0; k < stream->n_pendings && !place->pending; k++)
                                if (is_pair(place, &stream->pendings[k], same_words != 0)) {
                                        stream->pendings[k].is_paired = true;
                                        place->pending = k + 1;
                                }
                }
}

// The alert fires there, unless it did lately: then NULL. The caller owns the copy of the row
// that was given out.
static struct row *place_fire(struct alerts *alerts, struct alert_stream *stream,
                              const struct alert_place *place, bool is_final) {
        struct passage passage = alert_stream_passage(stream, place->begin, place->end);
        int64_t at = passage_wall(&passage, place->position);
        const struct alert_firing *last = alert_stream_fired(stream, place->alert);

        if (last && !is_cool(alerts, last, at))
                return NULL;
        // Of a tail nothing is known to be said yet that a later segment could overlap.
        alert_stream_fire(stream, place->alert, at, is_final ? place->end : 0);
        alerts->fates[place->alert].n_fired++;
        alerts->fates[place->alert].last = at;
        return row_emit(alerts, row_of_place(alerts, stream, place, ROW_FIRED));
}

// --- finals ----------------------------------------------------------------------------------

static void place_confirm(struct alerts *alerts, struct alert_stream *stream,
                          const struct alert_place *place) {
        const struct alert_pending *pending = &stream->pendings[place->pending - 1];
        struct alert_firing *firing = alert_stream_fired(stream, place->alert);
        struct row *row;

        if (firing)
                firing->until = place->end;
        if (!pending->row)
                return;
        row = row_of_place(alerts, stream, place, ROW_CONFIRMED);
        memcpy(row->firing, pending->row->id, sizeof(row->firing));
        row_free(row_emit(alerts, row));
}

// Whether some alert may be for it: nothing is remembered of sessions that none wants.
static bool is_heard(const struct alerts *alerts, const struct row *row) {
        return row->stream && row->text && alerts->n > 0 &&
               (!row->session || alerts->wants_sessions);
}

void alerts_on_segment(struct alerts *alerts, const struct row *segment) {
        struct alert_stream *stream;

        if (!is_heard(alerts, segment))
                return;
        stream = stream_get(alerts, segment);
        stream_follow(alerts, stream, segment);
        pendings_unpair(stream);
        pendings_withdraw(alerts, stream, segment->position, NULL);
        if (!alerts_choose(alerts, stream, segment, true)) {
                alert_stream_cut(stream);
                return;
        }
        alert_rules_find(alerts->rules, stream, segment, alerts->hears);
        places_ready(alerts, stream);
        places_pair(alerts, stream);
        for (size_t i = 0; i < alerts->rules->n_places; i++) {
                const struct alert_place *place = &alerts->rules->places[i];

                if (place->pending)
                        place_confirm(alerts, stream, place);
                else
                        row_free(place_fire(alerts, stream, place, true));
        }
        for (size_t i = stream->n_pendings; i-- > 0;)
                if (stream->pendings[i].is_paired)
                        alert_stream_settle(stream, i);
        pendings_withdraw(alerts, stream, segment->position + segment->n_samples + 1, segment);
        alert_stream_keep(stream, alerts->rules->folded.gap,
                          phrases_longest(alerts->rules->phrases));
}

// --- stable words ----------------------------------------------------------------------------

static void pending_add(struct alerts *alerts, struct alert_stream *stream,
                        struct alert_place *place, int64_t tail_end) {
        struct row *row;

        if (stream->n_pendings == ALERT_PENDING_MAX)
                return;
        row = place_fire(alerts, stream, place, false);
        stream->pendings[stream->n_pendings++] = (struct alert_pending){
                .alert = place->alert,
                .row = row,
                .key = TAKE(place->key),
                .position = place->position,
                .tail_end = tail_end,
                .is_paired = true,
        };
}

static void pending_follow(struct alert_pending *pending, struct alert_place *place,
                           int64_t tail_end) {
        free(pending->key);
        pending->key = TAKE(place->key);
        pending->position = place->position;
        pending->tail_end = tail_end;
}

void alerts_on_stable(struct alerts *alerts, const struct row *tail) {
        int64_t tail_end = tail->position + tail->n_samples;
        struct alert_stream *stream;
        size_t first;

        if (!tail->stream || !alerts->wants_stable)
                return;
        if (!tail->text || !*tail->text) {
                stream = stream_find(alerts, name_of(tail));
                if (stream) {
                        pendings_unpair(stream);
                        pendings_withdraw(alerts, stream, INT64_MAX, NULL);
                }
                return;
        }
        stream = stream_get(alerts, tail);
        stream_follow(alerts, stream, tail);
        if (!alerts_choose(alerts, stream, tail, false))
                return;
        first = alert_rules_find(alerts->rules, stream, tail, alerts->hears);
        places_ready(alerts, stream);
        places_pair(alerts, stream);
        for (size_t i = 0; i < alerts->rules->n_places; i++) {
                struct alert_place *place = &alerts->rules->places[i];

                if (place->pending)
                        pending_follow(&stream->pendings[place->pending - 1], place, tail_end);
                else
                        pending_add(alerts, stream, place, tail_end);
        }
        // Stable words stay until their window is final: what is not there any more was in it.
        pendings_withdraw(alerts, stream, INT64_MAX, NULL);
        alert_stream_take_back(stream, first);
}

// --- how it is -------------------------------------------------------------------------------

bool alerts_want_stable(const struct alerts *alerts) {
        return alerts->wants_stable;
}

bool alerts_figures(const struct alerts *alerts, size_t i, struct alert_figures *ret) {
        if (i >= alerts->n)
                return false;
        *ret = (struct alert_figures){
                .name = alerts->configs[i].name,
                .n_fired = alerts->fates[i].n_fired,
                .last = alerts->fates[i].last,
        };
        return true;
}

bool alerts_figures_of(const struct alerts *alerts, const char *name,
                       struct alert_figures *ret) {
        for (size_t i = 0; alerts_figures(alerts, i, ret); i++)
                if (strcmp(ret->name, name) == 0)
                        return true;
        return false;
}

uint64_t alerts_limited(const struct alerts *alerts) {
        uint64_t n = alerts->n_limited;

        for (size_t i = 0; i < alerts->rules->n_patterns; i++)
                n += alerts->rules->patterns[i].n_limited;
        return n;
}

// --- other alerts ----------------------------------------------------------------------------

// Which of the present ones each of the others is, by name: its index + 1; 0: none of them.
// Mostly they are in the same order.
static size_t *ancestors_of(const struct alerts *alerts, const struct alert_config *configs,
                            size_t n) {
        size_t *ancestors = xcalloc(n + 1, sizeof(*ancestors)), at = 0;

        for (size_t i = 0; i < n; i++)
                for (size_t tried = 0; tried < alerts->n && !ancestors[i]; tried++, at++)
                        if (strcmp(alerts->configs[at % alerts->n].name, configs[i].name) == 0)
                                ancestors[i] = at % alerts->n + 1;
        return ancestors;
}

// What fired on stable words is told to be over, since nobody looks for it any more.
static void gone_withdraw(struct alerts *alerts, struct alert_stream *stream,
                          const unsigned *young) {
        for (size_t i = 0; i < stream->n_pendings;) {
                if (young[stream->pendings[i].alert] == ALERT_GONE)
                        pending_withdraw(alerts, stream, i, NULL);
                else
                        i++;
        }
}

// Its streams have the alerts that are new; the present ones are theirs no more.
static void remembered_change(struct alerts *alerts, const unsigned *young,
                              struct alert_rules *rules) {
        for (size_t i = 0; i < N_BUCKETS; i++)
                for (struct alert_stream *stream = alerts->streams[i]; stream;
                     stream = stream->next) {
                        gone_withdraw(alerts, stream, young);
                        alert_stream_renumber(stream, young);
                        alert_stream_reword(stream, rules->phrases, &rules->folded);
                        stream_choose(stream, rules->configs, rules->n);
                }
}

// From here on the new ones hold; `ancestors` as above.
static void alerts_change(struct alerts *alerts, struct alert_rules *rules,
                          struct alert_config *configs, const size_t *ancestors) {
        unsigned *young = xcalloc(alerts->n + 1, sizeof(*young));
        struct alert_fate *fates = xcalloc(rules->n + 1, sizeof(*fates));

        for (size_t i = 0; i < alerts->n; i++)
                young[i] = ALERT_GONE;
        alerts->wants_stable = alerts->wants_sessions = false;
        for (size_t i = 0; i < rules->n; i++) {
                size_t old = ancestors[i] - 1;

                alerts->wants_stable |= configs[i].when == ALERT_STABLE;
                alerts->wants_sessions |= configs[i].wants_sessions;
                if (!ancestors[i])
                        continue;
                fates[i] = alerts->fates[old];
                if (alert_config_is_equal(&alerts->configs[old], &configs[i]))
                        young[old] = (unsigned)i;
        }
        remembered_change(alerts, young, rules);
        free(young);
        alerts->n_limited = alerts->rules ? alerts_limited(alerts) : 0;
        alert_rules_free(alerts->rules);
        alert_configs_free(alerts->configs, alerts->n);
        free(alerts->fates);
        free(alerts->hears);
        alerts->rules = rules;
        alerts->configs = configs;
        alerts->n = rules->n;
        alerts->fates = fates;
        alerts->hears = xcalloc(rules->n + 1, sizeof(*alerts->hears));
}

int alerts_set(struct alerts *alerts, const struct alert_config *configs, size_t n,
               struct error *error) {
        struct alert_config *copies = alert_configs_copy(configs, n);
        struct alert_rules *rules;
        size_t *ancestors;

        if (rules_make(&rules, copies, n, error) < 0) {
                alert_configs_free(copies, n);
                return -EINVAL;
        }
        ancestors = ancestors_of(alerts, copies, n);
        alerts_change(alerts, rules, copies, ancestors);
        free(ancestors);
        return 0;
}
