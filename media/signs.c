#include "media/signs.h"

#include <string.h>

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
        // The program's own, which maps tracks.
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
        {"Not detecting m3u8/hls", MEDIA_FAULT_FORMAT},  // FFmpeg 7, by a file's name
        {"not on whitelist", MEDIA_FAULT_PROTOCOL},
        {"is not in allowed", MEDIA_FAULT_PROTOCOL},  // a playlist's part
        {"Unsafe file name", MEDIA_FAULT_PROTOCOL},
        {"Too many streams", MEDIA_FAULT_LIMIT},
        {"Invalid data found", MEDIA_FAULT_NOT_MEDIA},
};

#define SIGN_OTHER (sizeof(signs) / sizeof(signs[0]))  // an error that is none of them

size_t media_signs_find(const char *line, bool is_error) {
        for (size_t i = 0; i < SIGN_OTHER; i++)
                if (strstr(line, signs[i].needle))
                        return i;
        return is_error ? SIGN_OTHER : MEDIA_SIGN_NONE;
}

enum media_fault media_signs_fault(size_t sign) {
        if (sign == MEDIA_SIGN_NONE)
                return MEDIA_FAULT_NONE;
        return sign < SIGN_OTHER ? signs[sign].fault : MEDIA_FAULT_OTHER;
}

size_t media_signs_of(enum media_fault fault) {
        if (fault == MEDIA_FAULT_NONE)
                return MEDIA_SIGN_NONE;
        for (size_t i = 0; i < SIGN_OTHER; i++)
                if (signs[i].fault == fault)
                        return i;
        return SIGN_OTHER;
}
