#include "load/corpus.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audio/pcm.h"
#include "load/tsv.h"
#include "source/media.h"
#include "source/media_backend.h"
#include "util/mem.h"

#define TRANSCRIPT_MAX (1024 * 1024)  // bytes of one .txt

// --- the folder ----------------------------------------------------------------------------

static int entry_is_sound(const struct dirent *entry) {
        static const char *const endings[] = {".flac", ".wav", ".ogg",  ".opus",
                                              ".mp3",  ".m4a", ".webm", ".aac"};
        const char *dot = strrchr(entry->d_name, '.');

        for (size_t i = 0; dot && i < sizeof(endings) / sizeof(endings[0]); i++)
                if (strcasecmp(dot, endings[i]) == 0)
                        return 1;
        return 0;
}

static struct recording *recording_find(struct corpus *corpus, const char *path) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

        for (size_t i = 0; i < corpus->n; i++)
                if (strcmp(corpus->recordings[i].name, name) == 0)
                        return &corpus->recordings[i];
        return NULL;
}

static int folder_list(struct corpus *corpus, const char *folder, struct error *error) {
        struct dirent **entries = NULL;
        int n = scandir(folder, &entries, entry_is_sound, alphasort);

        if (n < 0)
                return error_set(error, -errno, "cannot read the folder '%s': %s", folder,
                                 strerrordesc_np(errno));
        corpus->recordings = xcalloc((size_t)n, sizeof(*corpus->recordings));
        for (int i = 0; i < n; i++) {
                corpus->recordings[corpus->n++].name = xstrdup(entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
        if (n == 0)
                return error_set(error, -ENOENT,
                                 "no sound file (flac, wav, ogg, opus, mp3, m4a, webm, aac) in "
                                 "'%s'",
                                 folder);
        return 0;
}

// --- texts ---------------------------------------------------------------------------------

static int transcripts_read(struct corpus *corpus, const char *folder, struct error *error) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/transcripts.tsv", folder);
        CLEANUP(tsv_closep) struct tsv *tsv = NULL;
        const char *const *fields;
        int r = tsv_open(&tsv, path, (const char *const[]){"file", "transcript", NULL}, error);

        if (r == -ENOENT)
                return 0;  // texts may lie beside the recordings
        if (r < 0)
                return r;
        while ((fields = tsv_next(tsv))) {
                struct recording *recording = recording_find(corpus, fields[0]);

                if (!recording)
                        continue;
                free(recording->transcript);
                recording->transcript = xstrdup(fields[1]);
        }
        return 0;
}

static void transcript_read_beside(struct recording *recording, const char *folder) {
        const char *dot = strrchr(recording->name, '.');
        CLEANUP(mem_freep)
        char *path =
                xasprintf("%s/%.*s.txt", folder, (int)(dot - recording->name), recording->name);
        CLEANUP(mem_freep) char *text = NULL;
        FILE *file = fopen(path, "re");
        size_t n;

        if (!file)
                return;
        text = xcalloc(TRANSCRIPT_MAX + 1, 1);
        n = fread(text, 1, TRANSCRIPT_MAX, file);
        (void)fclose(file);
        if (strlen(text) == n)  // else it is no text
                recording->transcript = xstrdup(text);
}

// Leave out the recordings of which nobody knows what is said in them.
static int transcripts_resolve(struct corpus *corpus, const char *folder, struct error *error) {
        size_t n = 0;

        for (size_t i = 0; i < corpus->n; i++) {
                struct recording *recording = &corpus->recordings[i];

                if (!recording->transcript)
                        transcript_read_beside(recording, folder);
                if (recording->transcript)
                        vocabulary_split(corpus->vocabulary, recording->transcript, 0,
                                         &recording->words);
                if (recording->words.n > 0) {
                        if (n != i) {
                                corpus->recordings[n] = *recording;
                                *recording = (struct recording){0};
                        }
                        n++;
                } else {
                        recording->name = mem_free(recording->name);
                        recording->transcript = mem_free(recording->transcript);
                }
        }
        corpus->n = n;
        if (n == 0)
                return error_set(error, -ENOENT,
                                 "no transcript in '%s': put what is said into transcripts.tsv "
                                 "(columns file and transcript) or NAME.txt beside NAME.wav",
                                 folder);
        return 0;
}

static int offline_read_line(struct corpus *corpus, const char *line) {
        json_t *object = json_loads(line, 0, NULL), *segment;
        const char *file = json_string_value(json_object_get(object, "file"));
        struct recording *recording = file ? recording_find(corpus, file) : NULL;
        size_t i;

        if (!file || !json_is_array(json_object_get(object, "segments"))) {
                json_decref(object);
                return -EINVAL;
        }
        json_array_foreach(json_object_get(object, "segments"), i, segment) {
                const char *text = json_string_value(json_object_get(segment, "text"));

                if (recording && text)
                        vocabulary_split(corpus->vocabulary, text, 0, &recording->offline);
        }
        json_decref(object);
        return 0;
}

static int offline_read(struct corpus *corpus, const char *path, struct error *error) {
        CLEANUP(mem_freep) char *line = NULL;
        FILE *file = fopen(path, "re");
        size_t capacity = 0;
        int r = 0;

        if (!file)
                return error_set(error, -errno, "cannot read '%s': %s", path,
                                 strerrordesc_np(errno));
        while (r == 0 && getline(&line, &capacity, file) >= 0)
                r = offline_read_line(corpus, line);
        (void)fclose(file);
        if (r < 0)
                return error_set(error, r, "'%s' is not what transcribe --format json writes",
                                 path);
        for (size_t i = 0; i < corpus->n; i++)
                if (corpus->recordings[i].offline.n == 0)
                        return error_set(error, -EINVAL,
                                         "'%s' has no text for %s: decode the whole folder",
                                         path, corpus->recordings[i].name);
        corpus->has_offline = true;
        return 0;
}

// --- when words are said -------------------------------------------------------------------

// Append a word's words (a token such as "would-be" has two), all with the same end.
static void timed_append(struct corpus *corpus, struct recording *recording, const char *word,
                         int64_t end) {
        size_t n = recording->timed.n;

        vocabulary_split(corpus->vocabulary, word, 0, &recording->timed);
        recording->ends =
                xrealloc_array(recording->ends, recording->timed.n + 1, sizeof(int64_t));
        for (; n < recording->timed.n; n++)
                recording->ends[n] = end;
}

static int word_times_read(struct corpus *corpus, const char *path, struct error *error) {
        CLEANUP(tsv_closep) struct tsv *tsv = NULL;
        const char *const *fields;
        int r = tsv_open(&tsv, path, (const char *const[]){"file", "word", "end", NULL}, error);

        if (r < 0)
                return r;
        while ((fields = tsv_next(tsv))) {
                struct recording *recording = recording_find(corpus, fields[0]);
                char *rest = NULL;
                double end = strtod(fields[2], &rest);

                if (rest == fields[2] || *rest || !(end >= 0 && end < CORPUS_SECONDS_MAX))
                        return error_set(error, -EINVAL, "'%s': '%s' is no time in seconds",
                                         path, fields[2]);
                if (recording)
                        timed_append(corpus, recording, fields[1], llround(end * AUDIO_RATE));
        }
        corpus->has_word_times = true;
        return 0;
}

// Without better knowledge: every word takes the same time.
static void words_spread(struct recording *recording) {
        recording->ends = xcalloc(recording->words.n, sizeof(int64_t));
        for (size_t i = 0; i < recording->words.n; i++) {
                words_append(&recording->timed, recording->words.items[i]);
                recording->ends[i] =
                        recording->n_samples * (int64_t)(i + 1) / (int64_t)recording->words.n;
        }
}

// --- sound ---------------------------------------------------------------------------------

struct reading {
        struct corpus *corpus;
        const struct corpus_config *config;
        struct loop *loop;
        struct media_backend *backend;
        struct media *media;
        size_t next;  // recording
        int64_t capacity;
        int64_t n_samples;  // of all
        struct error error;
};

static void reading_advance(void *context);

static void reading_on_samples(void *context, const float *samples, size_t n) {
        struct reading *reading = context;
        struct recording *recording = &reading->corpus->recordings[reading->next];

        reading->n_samples += (int64_t)n;
        if (reading->n_samples > (int64_t)CORPUS_SECONDS_MAX * AUDIO_RATE) {
                error_set(&reading->error, -E2BIG, "more than %d hours of sound in '%s'",
                          CORPUS_SECONDS_MAX / 3600, reading->config->folder);
                loop_stop(reading->loop);
                return;
        }
        if (recording->n_samples + (int64_t)n > reading->capacity) {
                reading->capacity = 2 * reading->capacity + (int64_t)n;
                recording->samples = xrealloc_array(recording->samples,
                                                    (size_t)reading->capacity, sizeof(float));
        }
        memcpy(recording->samples + recording->n_samples, samples, n * sizeof(float));
        recording->n_samples += (int64_t)n;
}

static void reading_on_end(void *context, const struct error *error) {
        struct reading *reading = context;

        if (error) {
                reading->error = *error;
                error_prefix(&reading->error, "'%s/%s'", reading->config->folder,
                             reading->corpus->recordings[reading->next].name);
                loop_stop(reading->loop);
                return;
        }
        reading->next++;
        reading->capacity = 0;
        // Media must not be closed from inside its calls.
        loop_post(reading->loop, reading_advance, reading);
}

static void reading_advance(void *context) {
        struct reading *reading = context;
        struct corpus *corpus = reading->corpus;
        struct media_listener listener = {
                .on_samples = reading_on_samples,
                .on_end = reading_on_end,
                .context = reading,
        };
        CLEANUP(mem_freep) char *path = NULL;

        reading->media = media_close(reading->media);
        if (reading->config->on_progress)
                reading->config->on_progress(reading->config->context, reading->next,
                                             corpus->n);
        if (reading->next == corpus->n) {
                loop_stop(reading->loop);
                return;
        }
        path = xasprintf("%s/%s", reading->config->folder,
                         corpus->recordings[reading->next].name);
        if (media_open_file(&reading->media, reading->backend, path, "", &listener,
                            &reading->error) < 0) {
                error_prefix(&reading->error, "'%s'", path);
                loop_stop(reading->loop);
        }
}

static int sound_read(struct corpus *corpus, struct loop *loop,
                      const struct corpus_config *config, struct error *error) {
        // Where it is measured from there may be an ffmpeg and no program of ours.
        const char *choice = media_backend_check(MEDIA_BACKEND_DEFAULT, NULL) == 0
                                     ? MEDIA_BACKEND_DEFAULT
                                     : "ffmpeg";
        struct reading reading = {.corpus = corpus,
                                  .config = config,
                                  .loop = loop,
                                  .backend = media_backend_new(loop, choice)};

        loop_post(loop, reading_advance, &reading);
        loop_run(loop);
        media_close(reading.media);
        media_backend_free(reading.backend);
        if (reading.error.code < 0 && error)
                *error = reading.error;
        return reading.error.code;
}

// --- life ----------------------------------------------------------------------------------

int corpus_open(struct corpus **ret, struct loop *loop, const struct corpus_config *config,
                struct error *error) {
        CLEANUP(corpus_closep) struct corpus *corpus = xnew(struct corpus);
        int r;

        corpus->vocabulary = vocabulary_new();
        if ((r = folder_list(corpus, config->folder, error)) < 0 ||
            (r = transcripts_read(corpus, config->folder, error)) < 0 ||
            (r = transcripts_resolve(corpus, config->folder, error)) < 0 ||
            (config->word_times &&
             (r = word_times_read(corpus, config->word_times, error)) < 0) ||
            (config->offline && (r = offline_read(corpus, config->offline, error)) < 0) ||
            (r = sound_read(corpus, loop, config, error)) < 0)
                return r;
        for (size_t i = 0; i < corpus->n && !corpus->has_word_times; i++)
                words_spread(&corpus->recordings[i]);
        *ret = TAKE(corpus);
        return 0;
}

struct corpus *corpus_close(struct corpus *corpus) {
        if (!corpus)
                return NULL;
        for (size_t i = 0; i < corpus->n; i++) {
                struct recording *recording = &corpus->recordings[i];

                free(recording->name);
                free(recording->transcript);
                free(recording->samples);
                free(recording->ends);
                words_deinit(&recording->words);
                words_deinit(&recording->timed);
                words_deinit(&recording->offline);
        }
        free(corpus->recordings);
        vocabulary_free(corpus->vocabulary);
        return mem_free(corpus);
}
