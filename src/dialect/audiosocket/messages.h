#pragma once
// AudioSocket messages: what Asterisk says of a call, over plain TCP: a kind (one byte), a
// length (two bytes, big-endian), and so many bytes. A call begins with its UUID, and its sound
// is s16, little-endian, of one channel; the kind says of which rate. Bytes in, meaning out.
//
// Threads: any; plain data.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"

#define AUDIOSOCKET_HEAD 3   // bytes before each payload
#define AUDIOSOCKET_UUID 16  // bytes of one
#define AUDIOSOCKET_TEXT 37  // of a UUID as people write it, with its end

enum audiosocket_event {
        AUDIOSOCKET_NOTHING,  // more bytes have to come, or what came says nothing to us
        AUDIOSOCKET_CALL,     // the call's UUID
        AUDIOSOCKET_SOUND,    // some bytes of sound, cut anywhere
        AUDIOSOCKET_HANGUP,
        AUDIOSOCKET_TROUBLE,  // on the other side; its code is a byte, 0 where there is none
};

struct audiosocket_said {
        enum audiosocket_event event;
        char uuid[AUDIOSOCKET_TEXT];  // "40325ec2-5efd-4bd3-805f-53576e581d13"
        const uint8_t *bytes;         // of sound; lent
        size_t n;
        unsigned rate;  // Hz
        uint8_t code;
};

// Zeroed it is at the beginning of a connection.
struct audiosocket_reader {
        uint8_t head[AUDIOSOCKET_HEAD];
        size_t n_head;
        size_t left;                     // bytes of the payload that are to come
        uint8_t kept[AUDIOSOCKET_UUID];  // the beginning of a payload that is needed whole
        size_t n_kept;
        bool has_call;  // its UUID came
};

// Take in some of `n` bytes (at least one), up to the end of a message, and return how many; 0,
// with words, when they are not what Asterisk says.
size_t audiosocket_read(struct audiosocket_reader *reader, const uint8_t *bytes, size_t n,
                        struct audiosocket_said *ret, struct error *error);

// What tells Asterisk that we hang up: it understands nothing else but sound.
// AUDIOSOCKET_HEAD bytes, which the caller frees.
char *audiosocket_encode_hangup(void);

// The stream that the call's sound is for, by the setting audiosocket.calls: words UUID=NAME,
// and
// * for all others, each of which has its UUID's name. NULL: it is refused. The caller frees
// it.
char *audiosocket_stream(const char *calls, const char *uuid);
