// The record of a transcription, as it was found on disk: what is read is what was written.
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "transcription/transcription_record.h"
#include "util/mem.h"

static void require(bool is_true) {
        if (!is_true)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        struct transcription_record record, again;
        struct error error = {0};

        if (transcription_record_read(&record, (const char *)bytes, n, &error) == 0) {
                CLEANUP(mem_freep) char *text = transcription_record_text(&record);
                CLEANUP(mem_freep) char *other = NULL;

                require(transcription_id_is_good(record.id) && record.principal[0]);
                require(record.state != TRANSCRIPTION_FAILED || record.reason);
                require(transcription_record_read(&again, text, strlen(text), &error) == 0);
                other = transcription_record_text(&again);
                require(strcmp(text, other) == 0);
                transcription_record_deinit(&again);
        } else {
                require(error.text[0] != '\0');
        }
        transcription_record_deinit(&record);
        return 0;
}
