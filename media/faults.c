#include "media/faults.h"

#include <libavutil/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "media/signs.h"
#include "util/line_text.h"
#include "util/mem.h"
#include "util/redact.h"

#define LINE_MAX 1024

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

static void words_keep(char *ret, const char *text) {
        CLEANUP(mem_freep) char *redacted = redact_urls(text);

        line_text_write(ret, MEDIA_WORDS_MAX, redacted, strcspn(redacted, "\n"));
}

void media_faults_init(struct media_faults *faults) {
        *faults = (struct media_faults){.fault = MEDIA_FAULT_NONE};
}

void media_faults_note(struct media_faults *faults, bool is_error, const char *line) {
        enum media_fault fault = media_signs_fault(media_signs_find(line, is_error));

        if (faults->is_ours || fault == MEDIA_FAULT_NONE ||
            media_signs_of(fault) > media_signs_of(faults->fault))
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
        if (faults->is_ours || media_signs_of(faults->fault) < media_signs_of(fault))
                return faults->fault;
        return fault;
}
