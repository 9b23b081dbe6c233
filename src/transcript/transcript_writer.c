#include "transcript/transcript_writer.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "transcript/cues.h"
#include "util/line_text.h"
#include "util/mem.h"
#include "util/utf8.h"

// Enough for milliseconds in a recording of a year.
#define JSON_DIGITS 14

struct transcript_writer {
        FILE *stream;
        enum transcript_format format;
        bool names_files;
        char *file;
        json_t *segments;  // JSON only
        unsigned n_cues;   // SRT only
};

bool transcript_writer_format(const char *name, enum transcript_format *ret) {
        static const char *const names[] = {"text", "json", "srt", "vtt"};

        for (int i = 0; i < 4; i++)
                if (strcmp(name, names[i]) == 0) {
                        *ret = (enum transcript_format)i;
                        return true;
                }
        return false;
}

struct transcript_writer *transcript_writer_new(FILE *stream, enum transcript_format format,
                                                bool names_files) {
        struct transcript_writer *writer = xnew(struct transcript_writer);

        writer->stream = stream;
        writer->format = format;
        writer->names_files = names_files;
        return writer;
}

struct transcript_writer *transcript_writer_free(struct transcript_writer *writer) {
        if (!writer)
                return NULL;
        transcript_writer_break(writer);
        free(writer);
        return NULL;
}

void transcript_writer_begin(struct transcript_writer *writer, const char *file) {
        writer->file = xstrdup(file);
        writer->n_cues = 0;
        if (writer->format == TRANSCRIPT_JSON)
                writer->segments = json_array();
        if (writer->format == TRANSCRIPT_VTT)
                fputs("WEBVTT\n\n", writer->stream);
        fflush(writer->stream);
}

void transcript_writer_break(struct transcript_writer *writer) {
        writer->file = mem_free(writer->file);
        json_decref(writer->segments);
        writer->segments = NULL;
}

bool transcript_writer_shows_nothing_said(const struct transcript_writer *writer) {
        return writer->format == TRANSCRIPT_JSON;
}

bool transcript_writer_has_failed(const struct transcript_writer *writer) {
        return ferror(writer->stream) != 0;
}

// --- segments --------------------------------------------------------------------------------

// Text without the space that Whisper puts in front: in every format a segment's text is one
// line, and nothing in it plays with a terminal.
static char *text_trim(const char *text) {
        return line_text_copy(text + strspn(text, " "));
}

// SRT and WebVTT differ in the sign before the milliseconds.
static void time_print(FILE *stream, int64_t position, char point) {
        int64_t ms = (position * 1000 + AUDIO_RATE / 2) / AUDIO_RATE;

        fprintf(stream, "%02lld:%02lld:%02lld%c%03lld", (long long)(ms / 3600000),
                (long long)(ms / 60000 % 60), (long long)(ms / 1000 % 60), point,
                (long long)(ms % 1000));
}

static void times_print(FILE *stream, int64_t begin, int64_t end, char point) {
        time_print(stream, begin, point);
        fputs(" --> ", stream);
        time_print(stream, end, point);
        fputc('\n', stream);
}

// WebVTT reads "&" and "<" as markup; without ">" there is no "-->" in the text either.
static void vtt_print(FILE *stream, const char *text) {
        for (; *text; text++) {
                if (*text == '&')
                        fputs("&amp;", stream);
                else if (*text == '<')
                        fputs("&lt;", stream);
                else if (*text == '>')
                        fputs("&gt;", stream);
                else
                        fputc(*text, stream);
        }
}

static double rounded(double value, double steps) {
        return isfinite(value) ? round(value * steps) / steps : 0;
}

// NULL without words.
static json_t *words_to_json(const struct segment *segment) {
        json_t *words = segment->n_words > 0 ? json_array() : NULL;

        for (size_t i = 0; i < segment->n_words; i++) {
                const struct hypothesis_word *word = &segment->words[i];
                CLEANUP(mem_freep) char *text = utf8_repair(word->text, strlen(word->text));

                json_array_append_new(
                        words,
                        json_pack("{s:f, s:f, s:s, s:f}",                                   //
                                  "start", rounded((double)word->begin / AUDIO_RATE, 1e3),  //
                                  "end", rounded((double)word->end / AUDIO_RATE, 1e3),      //
                                  "word", text ? text : "",                                 //
                                  "probability", rounded(word->probability, 1e4)));
        }
        return words;
}

static json_t *segment_to_json(const struct segment *segment, const char *text) {
        // Times to the millisecond, figures to four digits.
        return json_pack("{s:f, s:f, s:s, s:f, s:f, s:f, s:o*}",                         //
                         "start", rounded((double)segment->begin / AUDIO_RATE, 1e3),     //
                         "end", rounded((double)segment->end / AUDIO_RATE, 1e3),         //
                         "text", text,                                                   //
                         "avg_logprob", rounded(segment->avg_logprob, 1e4),              //
                         "no_speech_prob", rounded(segment->no_speech_prob, 1e4),        //
                         "compression_ratio", rounded(segment->compression_ratio, 1e4),  //
                         "words", words_to_json(segment));
}

static void subtitle_print(struct transcript_writer *writer, int64_t begin, int64_t end,
                           const char *text) {
        FILE *stream = writer->stream;

        if (writer->format == TRANSCRIPT_SRT) {
                fprintf(stream, "%u\n", ++writer->n_cues);
                times_print(stream, begin, end, ',');
                fputs(text, stream);
        } else {
                times_print(stream, begin, end, '.');
                vtt_print(stream, text);
        }
        fputs("\n\n", stream);
}

static void subtitles_print(struct transcript_writer *writer, const struct segment *segment) {
        CLEANUP(cues_freep) struct cues *cues = cues_new(segment);
        struct cue cue;

        while (cues_next(cues, &cue)) {
                subtitle_print(writer, cue.begin, cue.end, cue.text);
                free(cue.text);
        }
}

void transcript_writer_segment(struct transcript_writer *writer,
                               const struct segment *segment) {
        CLEANUP(mem_freep) char *text = text_trim(segment->text);
        FILE *stream = writer->stream;

        switch (writer->format) {
        case TRANSCRIPT_TEXT:
                if (writer->names_files) {
                        CLEANUP(mem_freep) char *file = line_text_copy(writer->file);

                        fprintf(stream, "%s: ", file);
                }
                fprintf(stream, "%s\n", text);
                break;
        case TRANSCRIPT_JSON:
                json_array_append_new(writer->segments, segment_to_json(segment, text));
                break;
        case TRANSCRIPT_SRT:
        case TRANSCRIPT_VTT:
                subtitles_print(writer, segment);
                break;
        }
        fflush(stream);
}

static void json_print(struct transcript_writer *writer, const char *language,
                       int64_t duration) {
        // A file's name need not be UTF-8, but JSON text must be.
        CLEANUP(mem_freep) char *file = utf8_repair(writer->file, strlen(writer->file));
        json_t *object = json_pack("{s:s?, s:s?, s:f, s:O}", "file", file, "language",
                                   language[0] ? language : NULL, "duration",
                                   rounded((double)duration / AUDIO_RATE, 1e3), "segments",
                                   writer->segments);

        json_dumpf(object, writer->stream, JSON_COMPACT | JSON_REAL_PRECISION(JSON_DIGITS));
        fputc('\n', writer->stream);
        json_decref(object);
}

void transcript_writer_end(struct transcript_writer *writer, const char *language,
                           int64_t duration) {
        if (writer->format == TRANSCRIPT_JSON)
                json_print(writer, language, duration);
        fflush(writer->stream);
        transcript_writer_break(writer);
}
