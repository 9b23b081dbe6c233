#include "media/joint.h"

#include <string.h>

#define RIFF_HEAD 12  // "RIFF", a size, "WAVE"

// Sizes of streaming writers, which do not know better.
#define RIFF_SIZE_MAX 0x7ffff000

bool media_joint_is_head(const uint8_t *bytes, size_t n) {
        if (n < RIFF_HEAD)
                return false;
        return (memcmp(bytes, "RIFF", 4) == 0 && memcmp(bytes + 8, "WAVE", 4) == 0) ||
               (memcmp(bytes, "FORM", 4) == 0 && memcmp(bytes + 8, "AIF", 3) == 0);
}

static int64_t riff_length(const uint8_t *bytes) {
        bool is_little = bytes[0] == 'R';
        uint32_t size = 0;

        for (size_t i = 0; i < 4; i++)
                size |= (uint32_t)bytes[4 + i] << (is_little ? 8 * i : 24 - 8 * i);
        if (size < RIFF_HEAD || size >= RIFF_SIZE_MAX)
                return -1;
        return 8 + (int64_t)size + (size & 1);  // chunks are padded to even lengths
}

// Where the content of Matroska's element at `place` begins (0: it is not this one), and its
// size; -1: unknown.
static size_t element_read(const uint8_t *bytes, size_t n, size_t place, const char *id,
                           int64_t *ret_size) {
        size_t length = 1;
        uint64_t size, most;

        if (place + 5 > n || memcmp(bytes + place, id, 4) != 0 || bytes[place + 4] == 0)
                return 0;
        while (!(bytes[place + 4] & (0x80 >> (length - 1))))
                length++;
        if (place + 4 + length > n)
                return 0;
        size = bytes[place + 4] & (0xff >> length);
        for (size_t i = 1; i < length; i++)
                size = size << 8 | bytes[place + 4 + i];
        most = ((uint64_t)1 << (7 * length)) - 1;
        *ret_size = size == most || size > INT64_MAX / 2 ? -1 : (int64_t)size;
        return place + 4 + length;
}

static int64_t matroska_length(const uint8_t *bytes, size_t n) {
        int64_t size = -1;
        size_t place = element_read(bytes, n, 0, "\x1a\x45\xdf\xa3", &size);

        if (place == 0 || size < 0 || size > (int64_t)n)
                return -1;
        place = element_read(bytes, n, place + (size_t)size, "\x18\x53\x80\x67", &size);
        return place == 0 || size < 0 ? -1 : (int64_t)place + size;
}

int64_t media_joint_length(const uint8_t *bytes, size_t n) {
        return media_joint_is_head(bytes, n) ? riff_length(bytes) : matroska_length(bytes, n);
}

bool media_joint_is_tag(const uint8_t *bytes, size_t n) {
        static const char *const magics[] = {
                "ID3",      "TAG",      "APETAGEX", "LYRICSBEGIN", "RIFF",
                "OggS",     "fLaC",     "\177FLAC", "OpusHead",    "OpusTags",
                "\1vorbis", "\3vorbis", "\5vorbis", "Speex   ",
        };

        for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
                if (n >= strlen(magics[i]) && memcmp(bytes, magics[i], strlen(magics[i])) == 0)
                        return true;
        return false;
}
