#include "source/ffmpeg_diagnosis.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util/mem.h"
#include "util/redact.h"

static const struct {
        const char *needle;
        enum ffmpeg_fault fault;
} signs[] = {
        {"401 Unauthorized", FFMPEG_FAULT_CREDENTIALS},
        {"403 Forbidden", FFMPEG_FAULT_CREDENTIALS},
        {"HTTP error 401", FFMPEG_FAULT_CREDENTIALS},
        {"HTTP error 403", FFMPEG_FAULT_CREDENTIALS},
        {"404 Not Found", FFMPEG_FAULT_NOT_FOUND},
        {"404 Stream Not Found", FFMPEG_FAULT_NOT_FOUND},
        {"HTTP error 404", FFMPEG_FAULT_NOT_FOUND},
        {"does not contain any stream", FFMPEG_FAULT_NO_AUDIO},
        {"matches no streams", FFMPEG_FAULT_NO_AUDIO},
        // We ask for audio only: with none set up, there is no session to play.
        {"method PLAY failed: 454", FFMPEG_FAULT_NO_AUDIO},
        {"method PLAY failed: 455", FFMPEG_FAULT_NO_AUDIO},
        {": partial file", FFMPEG_FAULT_INDEX_LAST},
        {"moov atom not found", FFMPEG_FAULT_INDEX_LAST},
        {"Failed to resolve hostname", FFMPEG_FAULT_NAME},
        {"Connection refused", FFMPEG_FAULT_REFUSED},
        {"No route to host", FFMPEG_FAULT_UNREACHABLE},
        {"Network is unreachable", FFMPEG_FAULT_UNREACHABLE},
        {"Host is down", FFMPEG_FAULT_UNREACHABLE},
        {"timed out", FFMPEG_FAULT_TIMEOUT},
        {"Protocol not found", FFMPEG_FAULT_PROTOCOL},
        {"Format not on whitelist", FFMPEG_FAULT_FORMAT},
        {"not on whitelist", FFMPEG_FAULT_PROTOCOL},
        {"Unsafe file name", FFMPEG_FAULT_PROTOCOL},
        {"Invalid data found", FFMPEG_FAULT_NOT_MEDIA},
};

static const char *const texts[] = {
        [FFMPEG_FAULT_CREDENTIALS] = "user name or password refused",
        [FFMPEG_FAULT_NOT_FOUND] = "no such path there (404)",
        [FFMPEG_FAULT_NO_AUDIO] = "no audio track",
        [FFMPEG_FAULT_INDEX_LAST] = "cut short, or an MP4 file with its index at the end",
        [FFMPEG_FAULT_NAME] = "unknown host name",
        [FFMPEG_FAULT_REFUSED] = "connection refused",
        [FFMPEG_FAULT_UNREACHABLE] = "host unreachable",
        [FFMPEG_FAULT_TIMEOUT] = "no answer in time",
        [FFMPEG_FAULT_PROTOCOL] = "it leads to a protocol that is not allowed here",
        [FFMPEG_FAULT_FORMAT] = "in a format that is not read from such a source",
        [FFMPEG_FAULT_NOT_MEDIA] = "no sound in a format that ffmpeg knows",
        [FFMPEG_FAULT_NONE] = "",
};

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

static enum ffmpeg_fault fault_of(const char *message, bool is_error) {
        for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
                if (strstr(message, signs[i].needle))
                        return signs[i].fault;
        return is_error ? FFMPEG_FAULT_OTHER : FFMPEG_FAULT_NONE;
}

void ffmpeg_diagnosis_init(struct ffmpeg_diagnosis *diagnosis) {
        *diagnosis = (struct ffmpeg_diagnosis){.fault = FFMPEG_FAULT_NONE};
}

void ffmpeg_diagnosis_add(struct ffmpeg_diagnosis *diagnosis, const char *line) {
        bool is_error;
        const char *message = message_of(line, &is_error);
        enum ffmpeg_fault fault;
        bool is_summary = strncmp(message, input_name, strlen(input_name)) == 0;

        // The script's one entry could not be opened: the lines around it say why.
        if (strncmp(message, "Impossible to open", 18) == 0)
                return;
        fault = fault_of(message, is_error);
        if (is_error)
                diagnosis->n_errors++;
        if (fault < diagnosis->fault)
                diagnosis->fault = fault;
        if (fault != FFMPEG_FAULT_NONE && !(is_summary && diagnosis->line[0])) {
                CLEANUP(mem_freep)
                char *redacted =
                        redact_urls(is_summary ? message + strlen(input_name) : message);

                snprintf(diagnosis->line, sizeof(diagnosis->line), "%s", redacted);
        }
}

const char *ffmpeg_diagnosis_text(const struct ffmpeg_diagnosis *diagnosis) {
        return diagnosis->fault == FFMPEG_FAULT_OTHER ? diagnosis->line
                                                      : texts[diagnosis->fault];
}
