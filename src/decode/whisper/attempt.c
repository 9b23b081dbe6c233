#include "decode/whisper/attempt.h"

#include <string.h>
#include <zlib.h>

#include "decode/whisper/prompt.h"
#include "decode/whisper/splitter.h"
#include "util/mem.h"

// How much zlib makes of the text: repetition compresses well.
static float text_compression_ratio(const char *text) {
        static const char blanks[] = " \t\r\n\f\v";
        CLEANUP(mem_freep) char *compressed = NULL;
        size_t n;
        uLongf size;

        text += strspn(text, blanks);
        n = strlen(text);
        while (n > 0 && strchr(blanks, text[n - 1]))
                n--;
        size = compressBound(n);
        compressed = xcalloc(size, 1);
        if (compress((Bytef *)compressed, &size, (const Bytef *)text, n) != Z_OK)
                return 0;
        return (float)n / (float)size;
}

struct attempt attempt_judge(const struct transcription *transcription,
                             const struct whisper_model *model) {
        const struct search_text *best = &transcription->search.best;
        struct attempt attempt = {
                .n = best->n,
                .avg_logprob = best->sum_logprob / (float)(best->n + 1),
                .temperature = transcription_temperature(transcription),
        };
        CLEANUP(mem_freep) char *text = NULL;

        memcpy(attempt.tokens, best->tokens, best->n * sizeof(best->tokens[0]));
        text = tokenizer_decode(model->tokenizer, attempt.tokens, attempt.n);
        attempt.compression_ratio = text_compression_ratio(text);
        return attempt;
}

bool attempt_accept(struct transcription *transcription, const struct attempt *attempt) {
        const struct decode_options *options = &transcription->job->options;
        bool repeats = attempt->compression_ratio > options->compression_ratio_threshold;
        bool is_unlikely = attempt->avg_logprob < options->log_prob_threshold;

        if (!transcription->has_best || attempt->avg_logprob > transcription->best.avg_logprob)
                transcription->best = *attempt;
        transcription->has_best = true;
        if (!repeats && (!transcription->has_best_short ||
                         attempt->avg_logprob > transcription->best_short.avg_logprob)) {
                transcription->best_short = *attempt;
                transcription->has_best_short = true;
        }
        if (is_unlikely && transcription->no_speech_prob > options->no_speech_threshold)
                return true;  // silence: nothing better to be had
        transcription->hypothesis.n_unlikely += is_unlikely;
        transcription->hypothesis.n_repeating += repeats;
        return !repeats && !is_unlikely;
}

// True when nobody spoke in the window.
static bool is_silence(const struct transcription *transcription,
                       const struct attempt *attempt) {
        const struct decode_options *options = &transcription->job->options;

        return transcription->no_speech_prob > options->no_speech_threshold &&
               attempt->avg_logprob <= options->log_prob_threshold;
}

static bool is_blank(const char *text) {
        return text[strspn(text, " \t\r\n\f\v")] == '\0';
}

// Add one segment of the window to the hypothesis, within the sound and after what is there.
static void add_segment(struct transcription *transcription, const struct whisper_model *model,
                        const struct attempt *attempt, const struct split_segment *split) {
        struct hypothesis *hypothesis = &transcription->hypothesis;
        CLEANUP(mem_freep) char *text = NULL;
        struct hypothesis_segment *segment;
        int64_t last = (int64_t)transcription->job->n_samples, earliest = 0;
        int64_t begin = ((int64_t)transcription->seek + split->begin) * LOG_MEL_HOP;
        int64_t end = ((int64_t)transcription->seek + split->end) * LOG_MEL_HOP;

        text = tokenizer_decode(model->tokenizer, attempt->tokens + split->first, split->n);
        if (begin == end || is_blank(text))
                return;
        if (hypothesis->n_segments > 0)
                earliest = hypothesis->segments[hypothesis->n_segments - 1].end;
        begin = begin < earliest ? earliest : begin;
        begin = begin > last ? last : begin;
        end = end > last ? last : end;
        end = end < begin ? begin : end;

        segment = hypothesis_append(hypothesis);
        segment->begin = begin;
        segment->end = end;
        segment->text = TAKE(text);
        segment->tokens = xcalloc(split->n, sizeof(int32_t));
        memcpy(segment->tokens, attempt->tokens + split->first, split->n * sizeof(int32_t));
        segment->n_tokens = split->n;
        segment->avg_logprob = attempt->avg_logprob;
        segment->no_speech_prob = transcription->no_speech_prob;
        segment->compression_ratio = attempt->compression_ratio;
        segment->temperature = attempt->temperature;
        prompt_extend(&transcription->previous, &transcription->n_previous, segment->tokens,
                      segment->n_tokens);
}

size_t attempt_finish(struct transcription *transcription, const struct whisper_model *model,
                      const struct attempt *attempt) {
        const struct decode_options *options = &transcription->job->options;
        size_t n_frames = transcription->n_frames - transcription->seek;
        struct split split;

        if (is_silence(transcription, attempt)) {
                transcription->hypothesis.n_no_speech++;
                return n_frames;
        }
        splitter_split(attempt->tokens, attempt->n,
                       tokenizer_specials(model->tokenizer)->timestamp_begin, (int64_t)n_frames,
                       &split);
        for (size_t i = 0; i < split.n; i++)
                add_segment(transcription, model, attempt, &split.segments[i]);
        if (!options->condition_on_previous_text ||
            transcription_temperature(transcription) > options->prompt_reset_on_temperature)
                transcription->n_previous = 0;
        return (size_t)split.n_consumed;
}
