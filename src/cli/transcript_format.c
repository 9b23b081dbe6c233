#include "cli/transcript_format.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
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

bool transcript_format_from_name(const char *name, enum transcript_format *ret) {
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

// --- segments --------------------------------------------------------------------------------

// Text without the space that Whisper puts in front, and without line breaks: in every format
// a segment's text is one line.
static char *text_trim(const char *text) {
        char *trimmed;

        text += strspn(text, " ");
        trimmed = utf8_repair(text, strlen(text));
        for (char *place = trimmed; place && (place = strpbrk(place, "\r\n")); place++)
                *place = ' ';
        return trimmed ? trimmed : xstrdup("");
}

// SRT and WebVTT differ in the sign before the milliseconds.
static void time_print(FILE *stream, int64_t position, char point) {
        int64_t ms = (position * 1000 + AUDIO_RATE / 2) / AUDIO_RATE;

        fprintf(stream, "%02lld:%02lld:%02lld%c%03lld", (long long)(ms / 3600000),
                (long long)(ms / 60000 % 60), (long long)(ms / 1000 % 60), point,
                (long long)(ms % 1000));
}

static void cue_print(FILE *stream, const struct segment *segment, char point) {
        time_print(stream, segment->begin, point);
        fputs(" --> ", stream);
        time_print(stream, segment->end, point);
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

static json_t *segment_to_json(const struct segment *segment, const char *text) {
        // Times to the millisecond, figures to four digits.
        return json_pack("{s:f, s:f, s:s, s:f, s:f, s:f}",                            //
                         "start", rounded((double)segment->begin / AUDIO_RATE, 1e3),  //
                         "end", rounded((double)segment->end / AUDIO_RATE, 1e3),      //
                         "text", text,                                                //
                         "avg_logprob", rounded(segment->avg_logprob, 1e4),           //
                         "no_speech_prob", rounded(segment->no_speech_prob, 1e4),     //
                         "compression_ratio", rounded(segment->compression_ratio, 1e4));
}

void transcript_writer_segment(struct transcript_writer *writer,
                               const struct segment *segment) {
        CLEANUP(mem_freep) char *text = text_trim(segment->text);
        FILE *stream = writer->stream;

        switch (writer->format) {
        case TRANSCRIPT_TEXT:
                if (writer->names_files)
                        fprintf(stream, "%s: ", writer->file);
                fprintf(stream, "%s\n", text);
                break;
        case TRANSCRIPT_JSON:
                json_array_append_new(writer->segments, segment_to_json(segment, text));
                break;
        case TRANSCRIPT_SRT:
                fprintf(stream, "%u\n", ++writer->n_cues);
                cue_print(stream, segment, ',');
                fprintf(stream, "%s\n\n", text);
                break;
        case TRANSCRIPT_VTT:
                cue_print(stream, segment, '.');
                vtt_print(stream, text);
                fputs("\n\n", stream);
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
