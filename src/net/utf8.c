#include "net/utf8.h"

// The length of the sequence that `first` begins (0: none does) and the range that its second
// byte must be in, which is what keeps out overlong forms, surrogates and values over U+10FFFF.
static size_t sequence_length(uint8_t first, uint8_t *ret_least, uint8_t *ret_most) {
        *ret_least = 0x80;
        *ret_most = 0xbf;
        if (first < 0x80)
                return 1;
        if (first < 0xc2 || first > 0xf4)
                return 0;
        if (first < 0xe0)
                return 2;
        if (first == 0xe0)
                *ret_least = 0xa0;
        if (first == 0xed)
                *ret_most = 0x9f;
        if (first < 0xf0)
                return 3;
        if (first == 0xf0)
                *ret_least = 0x90;
        if (first == 0xf4)
                *ret_most = 0x8f;
        return 4;
}

bool utf8_is_valid(const uint8_t *bytes, size_t n) {
        for (size_t i = 0; i < n;) {
                uint8_t least, most;
                size_t length = sequence_length(bytes[i], &least, &most);

                if (!length || length > n - i)
                        return false;
                if (length > 1 && (bytes[i + 1] < least || bytes[i + 1] > most))
                        return false;
                for (size_t k = 2; k < length; k++)
                        if ((bytes[i + k] & 0xc0) != 0x80)
                                return false;
                i += length;
        }
        return true;
}
