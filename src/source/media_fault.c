#include "source/media_fault.h"

static const char address_words[] =
        "an address of this machine, its link or multicast is closed to streams that are added "
        "while the server runs, unless sources.allow in the configuration has it";

const char *media_fault_text(enum media_fault fault) {
        static const char *const texts[] = {
                [MEDIA_FAULT_CREDENTIALS] = "user name or password refused",
                [MEDIA_FAULT_NOT_FOUND] = "no such path there (404)",
                [MEDIA_FAULT_NO_AUDIO] = "no audio track",
                [MEDIA_FAULT_INDEX_LAST] =
                        "cut short, or an MP4 file with its index at the end",
                [MEDIA_FAULT_NAME] = "unknown host name",
                [MEDIA_FAULT_REFUSED] = "connection refused",
                [MEDIA_FAULT_UNREACHABLE] = "host unreachable",
                [MEDIA_FAULT_TIMEOUT] = "no answer in time",
                [MEDIA_FAULT_PROTOCOL] =
                        "it leads to a protocol or place that is not allowed here",
                [MEDIA_FAULT_ADDRESS] = address_words,
                [MEDIA_FAULT_FORMAT] = "in a format that is not read from such a source",
                [MEDIA_FAULT_NOT_MEDIA] = "no sound in a known format",
                [MEDIA_FAULT_LIMIT] = "it takes too much work",
                [MEDIA_FAULT_DAMAGED] = "damaged",
                [MEDIA_FAULT_OTHER] = "",
                [MEDIA_FAULT_NONE] = "",
        };

        return texts[fault];
}
