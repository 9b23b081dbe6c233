#include "media/faults.h"

#include <libavutil/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "util/line_text.h"
#include "util/mem.h"
#include "util/redact.h"

#define LINE_MAX 1024

// What lines say, the most telling first: of several lines, that of the first row here is kept.
static const struct {
        const char *needle;
        enum media_fault fault;
} signs[] = {
        {"401 Unauthorized", MEDIA_FAULT_CREDENTIALS},
        {"403 Forbidden", MEDIA_FAULT_CREDENTIALS},
        {"HTTP error 401", MEDIA_FAULT_CREDENTIALS},
        {"HTTP error 403", MEDIA_FAULT_CREDENTIALS},
        {"404 Not Found", MEDIA_FAULT_NOT_FOUND},
        {"404 Stream Not Found", MEDIA_FAULT_NOT_FOUND},
        {"HTTP error 404", MEDIA_FAULT_NOT_FOUND},
        // We ask for audio only: with none set up, there is no session to play.
        {"method PLAY failed: 454", MEDIA_FAULT_NO_AUDIO},
        {"method PLAY failed: 455", MEDIA_FAULT_NO_AUDIO},
        {": partial file", MEDIA_FAULT_INDEX_LAST},
        {"moov atom not found", MEDIA_FAULT_INDEX_LAST},
        {"Failed to resolve hostname", MEDIA_FAULT_NAME},
        {"Connection refused", MEDIA_FAULT_REFUSED},
        {"No route to host", MEDIA_FAULT_UNREACHABLE},
        {"Network is unreachable", MEDIA_FAULT_UNREACHABLE},
        {"Host is down", MEDIA_FAULT_UNREACHABLE},
        {"timed out", MEDIA_FAULT_TIMEOUT},
        {"Protocol not found", MEDIA_FAULT_PROTOCOL},
        {"Permission denied", MEDIA_FAULT_PROTOCOL},
        {"Format not on whitelist", MEDIA_FAULT_FORMAT},
        {"not on whitelist", MEDIA_FAULT_PROTOCOL},
        {"is not in allowed", MEDIA_FAULT_PROTOCOL},  // a playlist's part
        {"Unsafe file name", MEDIA_FAULT_PROTOCOL},
        {"Too many streams", MEDIA_FAULT_LIMIT},
        {"Invalid data found", MEDIA_FAULT_NOT_MEDIA},
};

#define N_SIGNS (sizeof(signs) / sizeof(signs[0]))

static const struct {
        int code;
        enum media_fault fault;
} codes[] = {
        {AVERROR_HTTP_UNAUTHORIZED, MEDIA_FAULT_CREDENTIALS},
        {AVERROR_HTTP_FORBIDDEN, MEDIA_FAULT_CREDENTIALS},
        {AVERROR_HTTP_NOT_FOUND, MEDIA_FAULT_NOT_FOUND},
        {AVERROR(ECONNREFUSED), MEDIA_FAULT_REFUSED},
        {AVERROR(EHOSTUNREACH), MEDIA_FAULT_UNREACHABLE},
        {AVERROR(ENETUNREACH), MEDIA_FAULT_UNREACHABLE},
        {AVERROR(EHOSTDOWN), MEDIA_FAULT_UNREACHABLE},
        {AVERROR(ETIMEDOUT), MEDIA_FAULT_TIMEOUT},
        {AVERROR_EXIT, MEDIA_FAULT_TIMEOUT},  // our patience ended
        {AVERROR(EACCES), MEDIA_FAULT_PROTOCOL},
        {AVERROR(EPERM), MEDIA_FAULT_PROTOCOL},
        {AVERROR_PROTOCOL_NOT_FOUND, MEDIA_FAULT_PROTOCOL},
        {AVERROR_STREAM_NOT_FOUND, MEDIA_FAULT_NO_AUDIO},
        {AVERROR_DECODER_NOT_FOUND, MEDIA_FAULT_FORMAT},
        {AVERROR_PATCHWELCOME, MEDIA_FAULT_FORMAT},
        {AVERROR(ENOMEM), MEDIA_FAULT_LIMIT},
        {AVERROR(ERANGE), MEDIA_FAULT_LIMIT},
        {AVERROR_INVALIDDATA, MEDIA_FAULT_NOT_MEDIA},
        {AVERROR_EOF, MEDIA_FAULT_NOT_MEDIA},  // within its head
        {AVERROR_DEMUXER_NOT_FOUND, MEDIA_FAULT_NOT_MEDIA},
};

static enum media_fault code_fault(int code) {
        for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
                if (codes[i].code == code)
                        return codes[i].fault;
        return MEDIA_FAULT_OTHER;
}

// Its place among the signs: the lower, the more telling.
static size_t fault_rank(enum media_fault fault) {
        size_t i = 0;

        while (i < N_SIGNS && signs[i].fault != fault)
                i++;
        return fault == MEDIA_FAULT_NONE ? N_SIGNS + 1 : i;
}

static void words_keep(char *ret, const char *text) {
        CLEANUP(mem_freep) char *redacted = redact_urls(text);

        line_text_write(ret, MEDIA_WORDS_MAX, redacted, strcspn(redacted, "\n"));
}

void media_faults_init(struct media_faults *faults) {
        *faults = (struct media_faults){.fault = MEDIA_FAULT_NONE};
}

void media_faults_note(struct media_faults *faults, bool is_error, const char *line) {
        enum media_fault fault = is_error ? MEDIA_FAULT_OTHER : MEDIA_FAULT_NONE;

        if (faults->is_ours)
                return;
        for (size_t i = 0; i < N_SIGNS && fault_rank(fault) >= N_SIGNS; i++)
                if (strstr(line, signs[i].needle))
                        fault = signs[i].fault;
        if (fault == MEDIA_FAULT_NONE || fault_rank(fault) > fault_rank(faults->fault))
                return;
        faults->fault = fault;
        words_keep(faults->words, line);
}

void media_faults_set(struct media_faults *faults, enum media_fault fault, const char *format,
                      ...) {
        char line[LINE_MAX];
        va_list arguments;

        if (faults->is_ours)
                return;
        va_start(arguments, format);
        vsnprintf(line, sizeof(line), format, arguments);
        va_end(arguments);
        faults->is_ours = true;
        faults->fault = fault;
        words_keep(faults->words, line);
}

enum media_fault media_faults_judge(const struct media_faults *faults, int code,
                                    char *ret_words) {
        enum media_fault fault = code_fault(code);

        snprintf(ret_words, MEDIA_WORDS_MAX, "%s", faults->words);
        if (faults->words[0] == '\0')
                av_strerror(code, ret_words, MEDIA_WORDS_MAX);
        if (faults->is_ours || fault_rank(faults->fault) < fault_rank(fault))
                return faults->fault;
        return fault;
}
