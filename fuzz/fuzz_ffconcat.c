// The script that tells ffmpeg a URL: whatever URL is accepted, the script's second line quotes
// exactly that URL, and what follows are our own options and nothing of the URL's. And no text
// with the URL in it keeps its password.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "source/ffmpeg_command.h"
#include "source/ffmpeg_diagnosis.h"
#include "source/source_url.h"
#include "util/mem.h"
#include "util/redact.h"

static void require(bool is_true) {
        if (!is_true)
                abort();
}

// Read one word as ffconcat does: quotes are literal up to the next quote, a backslash outside
// of quotes takes the next byte as it is. Returns what follows the word.
static const char *word_read(const char *script, char *ret) {
        bool is_quoted = false;

        for (; *script && (is_quoted || !strchr(" \t\r\n", *script)); script++) {
                if (*script == '\'')
                        is_quoted = !is_quoted;
                else if (*script == '\\' && !is_quoted && script[1])
                        *ret++ = *++script;
                else
                        *ret++ = *script;
        }
        require(!is_quoted);
        *ret = '\0';
        return script;
}

static void script_require(const char *url, const char *script) {
        static const char head[] = "ffconcat version 1.0\nfile ";
        CLEANUP(mem_freep) char *word = xcalloc(strlen(script) + 1, 1);
        const char *rest;

        require(strncmp(script, head, strlen(head)) == 0);
        rest = word_read(script + strlen(head), word);
        require(strcmp(word, url) == 0);
        while (*rest) {
                require(strncmp(rest, "\noption ", 8) == 0 || strcmp(rest, "\n") == 0);
                rest += 1 + strcspn(rest + 1, "\n");
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        CLEANUP(mem_freep) char *url = xcalloc(n + 1, 1);
        struct media_run_config config = {.kind = MEDIA_RUN_NETWORK, .url = url};
        struct ffmpeg_diagnosis diagnosis;

        memcpy(url, bytes, n);
        CLEANUP(mem_freep) char *redacted = redact_urls(url);
        CLEANUP(mem_freep) char *again = redact_urls(redacted);

        require(strcmp(redacted, again) == 0);
        ffmpeg_diagnosis_init(&diagnosis);
        ffmpeg_diagnosis_add(&diagnosis, url);
        (void)ffmpeg_diagnosis_text(&diagnosis);
        if (!source_url_file(url) && source_url_check(url, NULL) == 0) {
                struct ffmpeg_command command;

                ffmpeg_command_init(&command, "ffmpeg", &config);
                script_require(url, command.script);
                for (size_t i = 0; command.argv[i]; i++)
                        require(!strstr(command.argv[i], url));
                ffmpeg_command_deinit(&command);
        }
        return 0;
}
