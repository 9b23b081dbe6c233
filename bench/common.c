#include "common.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/mem.h"

#define SAMPLES_MAX (16000u * 3600)

double seconds_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int compare_doubles(const void *a, const void *b) {
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

void doubles_sort(double *values, size_t n) {
        qsort(values, n, sizeof(*values), compare_doubles);
}

struct job *job_read(FILE *file, const struct decode_settings *settings, uint64_t id) {
        CLEANUP(job_freep) struct job *job = NULL;
        uint32_t n;

        if (fread(&n, sizeof(n), 1, file) != 1 || n > SAMPLES_MAX)
                return NULL;
        job = job_new(settings, n);
        if (!job || fread(job->samples, sizeof(float), n, file) != n)
                return NULL;
        job->id = id;
        job->is_final = true;
        return TAKE(job);
}

static json_t *segment_json(const struct hypothesis_segment *segment) {
        json_t *tokens = json_array();

        for (size_t i = 0; i < segment->n_tokens; i++)
                json_array_append_new(tokens, json_integer(segment->tokens[i]));
        return json_pack("{s:I,s:I,s:s,s:o,s:f,s:f,s:f,s:f}", "begin",
                         (json_int_t)segment->begin, "end", (json_int_t)segment->end, "text",
                         segment->text, "tokens", tokens, "avg_logprob",
                         (double)segment->avg_logprob, "no_speech_prob",
                         (double)segment->no_speech_prob, "compression_ratio",
                         (double)segment->compression_ratio, "temperature",
                         (double)segment->temperature);
}

json_t *hypothesis_json(const struct job *job, int result, const struct hypothesis *hypothesis,
                        double seconds) {
        json_t *segments = json_array();

        for (size_t i = 0; result == 0 && i < hypothesis->n_segments; i++)
                json_array_append_new(segments, segment_json(&hypothesis->segments[i]));
        return json_pack("{s:I,s:i,s:s,s:f,s:o,s:f}", "id", (json_int_t)job->id, "result",
                         result, "language", hypothesis->language, "language_probability",
                         (double)hypothesis->language_probability, "segments", segments,
                         "seconds", seconds);
}

void json_print(json_t *object) {
        json_dumpf(object, stdout, JSON_COMPACT | JSON_SORT_KEYS);
        putchar('\n');
        fflush(stdout);
        json_decref(object);
}

bool compute_parse(enum compute *ret, const char *text) {
        for (int i = 0; compute_names[i]; i++) {
                if (strcmp(compute_names[i], text) == 0) {
                        *ret = (enum compute)i;
                        return true;
                }
        }
        return false;
}
