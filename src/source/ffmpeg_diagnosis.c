#include "source/ffmpeg_diagnosis.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/mem.h"
#include "util/redact.h"

// The most telling first.
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
        {"does not contain any stream", MEDIA_FAULT_NO_AUDIO},
        {"matches no streams", MEDIA_FAULT_NO_AUDIO},
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
        {"Format not on whitelist", MEDIA_FAULT_FORMAT},
        {"not on whitelist", MEDIA_FAULT_PROTOCOL},
        {"Unsafe file name", MEDIA_FAULT_PROTOCOL},
        {"Invalid data found", MEDIA_FAULT_NOT_MEDIA},
};

#define SIGN_OTHER (sizeof(signs) / sizeof(signs[0]))  // an error that is none of them
#define SIGN_NONE  (SIGN_OTHER + 1)

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

static size_t sign_of(const char *message, bool is_error) {
        for (size_t i = 0; i < SIGN_OTHER; i++)
                if (strstr(message, signs[i].needle))
                        return i;
        return is_error ? SIGN_OTHER : SIGN_NONE;
}

void ffmpeg_diagnosis_init(struct ffmpeg_diagnosis *diagnosis) {
        *diagnosis = (struct ffmpeg_diagnosis){.fault = MEDIA_FAULT_NONE, .sign = SIGN_NONE};
}

void ffmpeg_diagnosis_add(struct ffmpeg_diagnosis *diagnosis, const char *line) {
        bool is_error;
        const char *message = message_of(line, &is_error);
        size_t sign;
        bool is_summary = strncmp(message, input_name, strlen(input_name)) == 0;

        // The script's one entry could not be opened: the lines around it say why.
        if (strncmp(message, "Impossible to open", 18) == 0)
                return;
        sign = sign_of(message, is_error);
        if (is_error)
                diagnosis->n_errors++;
        if (sign < diagnosis->sign) {
                diagnosis->sign = sign;
                diagnosis->fault = sign == SIGN_OTHER ? MEDIA_FAULT_OTHER : signs[sign].fault;
        }
        if (sign != SIGN_NONE && !(is_summary && diagnosis->line[0])) {
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
