// whisper_cpp_peer: whisper.cpp as a child of bench/engine: one command a line, one JSON object
// a line in answer, so that its rounds can take turns with those of other engines.
//
//     whisper_cpp_peer MODEL.bin THREADS
//
//     sounds PATH      the sounds that are meant below: a count of samples (uint32), then so
//     many
//                      float32, again and again
//     encode I         {"seconds"}: the encoder for sound I's first window
//     step I N         {"seconds"}: one token after the prompt, the mean of N
//     text I           {"seconds", "text"}: sound I as text, greedy, English, no timestamps
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <whisper.h>

#define SOUNDS_MAX 256
#define LINE_MAX_  4096

struct peer {
        struct whisper_context *whisper;
        int threads;
        float *sounds[SOUNDS_MAX];
        uint32_t lengths[SOUNDS_MAX];
        size_t n_sounds;
};

static double seconds_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void answer(json_t *line) {
        json_dumpf(line, stdout, JSON_COMPACT);
        putchar('\n');
        fflush(stdout);
        json_decref(line);
}

static int sounds_read(struct peer *peer, const char *path) {
        FILE *file = fopen(path, "rb");
        uint32_t n;

        if (!file)
                return -1;
        while (peer->n_sounds > 0)
                free(peer->sounds[--peer->n_sounds]);
        while (peer->n_sounds < SOUNDS_MAX && fread(&n, sizeof(n), 1, file) == 1) {
                float *samples = calloc(n, sizeof(*samples));

                if (!samples || fread(samples, sizeof(*samples), n, file) != n) {
                        free(samples);
                        break;
                }
                peer->lengths[peer->n_sounds] = n;
                peer->sounds[peer->n_sounds++] = samples;
        }
        fclose(file);
        return 0;
}

static double encode(struct peer *peer, size_t i) {
        double began;

        if (whisper_pcm_to_mel(peer->whisper, peer->sounds[i], (int)peer->lengths[i],
                               peer->threads) != 0)
                return -1;
        began = seconds_now();
        if (whisper_encode(peer->whisper, 0, peer->threads) != 0)
                return -1;
        return seconds_now() - began;
}

static double step(struct peer *peer, size_t i, int n) {
        whisper_token prompt[] = {
                whisper_token_sot(peer->whisper),
                whisper_token_lang(peer->whisper, whisper_lang_id("en")),
                whisper_token_transcribe(peer->whisper),
                whisper_token_not(peer->whisper),
        };
        whisper_token token = whisper_token_beg(peer->whisper) - 1000;
        int n_past = sizeof(prompt) / sizeof(prompt[0]);
        double began;

        if (encode(peer, i) < 0 ||
            whisper_decode(peer->whisper, prompt, n_past, 0, peer->threads) != 0)
                return -1;
        began = seconds_now();
        for (int t = 0; t < n; t++) {
                const float *logits;

                // Any token costs the same; the likeliest one is looked for as in use.
                if (whisper_decode(peer->whisper, &token, 1, n_past++, peer->threads) != 0)
                        return -1;
                logits = whisper_get_logits(peer->whisper);
                token = 0;
                for (int v = 1; v < whisper_token_eot(peer->whisper); v++)
                        if (logits[v] > logits[token])
                                token = v;
        }
        return (seconds_now() - began) / n;
}

static json_t *text(struct peer *peer, size_t i) {
        struct whisper_full_params params =
                whisper_full_default_params(WHISPER_SAMPLING_GREEDY);
        json_t *segments = json_array();
        double began = seconds_now();

        params.n_threads = peer->threads;
        params.language = "en";
        params.no_timestamps = true;
        params.no_context = true;
        params.print_progress = false;
        params.print_timestamps = false;
        params.print_special = false;
        params.print_realtime = false;
        params.greedy.best_of = 1;
        if (whisper_full(peer->whisper, params, peer->sounds[i], (int)peer->lengths[i]) != 0)
                return json_pack("{s:s}", "error", "whisper_full failed");
        for (int s = 0; s < whisper_full_n_segments(peer->whisper); s++) {
                const char *words = whisper_full_get_segment_text(peer->whisper, s);

                json_array_append_new(segments, json_stringn_nocheck(words, strlen(words)));
        }
        return json_pack("{s:f,s:o}", "seconds", seconds_now() - began, "texts", segments);
}

static void quiet(enum ggml_log_level level, const char *words, void *context) {
        (void)context;
        if (level >= GGML_LOG_LEVEL_ERROR)
                fputs(words, stderr);
}

int main(int argc, char **argv) {
        struct peer peer = {0};
        char line[LINE_MAX_], path[LINE_MAX_];
        double began = seconds_now();
        size_t i;
        int n;

        if (argc != 3)
                return 2;
        whisper_log_set(quiet, NULL);
        peer.threads = (int)strtol(argv[2], NULL, 10);
        peer.whisper =
                whisper_init_from_file_with_params(argv[1], whisper_context_default_params());
        if (!peer.whisper)
                return 3;
        answer(json_pack("{s:f}", "load", seconds_now() - began));
        while (fgets(line, sizeof(line), stdin)) {
                if (sscanf(line, "sounds %4000s", path) == 1)
                        answer(json_pack("{s:i}", "result", sounds_read(&peer, path)));
                else if (sscanf(line, "encode %zu", &i) == 1 && i < peer.n_sounds)
                        answer(json_pack("{s:f}", "seconds", encode(&peer, i)));
                else if (sscanf(line, "step %zu %d", &i, &n) == 2 && i < peer.n_sounds && n > 0)
                        answer(json_pack("{s:f}", "seconds", step(&peer, i, n)));
                else if (sscanf(line, "text %zu", &i) == 1 && i < peer.n_sounds)
                        answer(text(&peer, i));
                else
                        answer(json_pack("{s:s}", "error", "what?"));
        }
        whisper_free(peer.whisper);
        return 0;
}
