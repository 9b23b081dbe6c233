#include "source/ffmpeg_diagnosis.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "media/signs.h"
#include "util/mem.h"
#include "util/redact.h"

// What ffmpeg's last line begins with: it names the errno that the lines before explain.
static const char input_name[] = "pipe:0: ";

// Behind "[rtsp @ 0x55d4] [error] " and the like.
static const char *message_of(const char *line, bool *ret_is_error) {
        *ret_is_error = false;
        while (*line == '[') {
                const char *end = strstr(line, "] ");

                if (!end)
                        break;
                if (strncmp(line, "[error]", 7) == 0 || strncmp(line, "[fatal]", 7) == 0 ||
                    strncmp(line, "[panic]", 7) == 0)
                        *ret_is_error = true;
                line = end + 2;
        }
        return line;
}

void ffmpeg_diagnosis_init(struct ffmpeg_diagnosis *diagnosis) {
        *diagnosis =
                (struct ffmpeg_diagnosis){.fault = MEDIA_FAULT_NONE, .sign = MEDIA_SIGN_NONE};
}

void ffmpeg_diagnosis_add(struct ffmpeg_diagnosis *diagnosis, const char *line) {
        bool is_error;
        const char *message = message_of(line, &is_error);
        size_t sign;
        bool is_summary = strncmp(message, input_name, strlen(input_name)) == 0;

        // The script's one entry could not be opened: the lines around it say why.
        if (strncmp(message, "Impossible to open", 18) == 0)
                return;
        sign = media_signs_find(message, is_error);
        if (is_error)
                diagnosis->n_errors++;
        if (sign < diagnosis->sign) {
                diagnosis->sign = sign;
                diagnosis->fault = media_signs_fault(sign);
        }
        if (sign != MEDIA_SIGN_NONE && !(is_summary && diagnosis->line[0])) {
                CLEANUP(mem_freep)
                char *redacted =
                        redact_urls(is_summary ? message + strlen(input_name) : message);

                snprintf(diagnosis->line, sizeof(diagnosis->line), "%s", redacted);
        }
}

const char *ffmpeg_diagnosis_text(const struct ffmpeg_diagnosis *diagnosis) {
        return diagnosis->fault == MEDIA_FAULT_OTHER ? diagnosis->line
                                                     : media_fault_text(diagnosis->fault);
}
