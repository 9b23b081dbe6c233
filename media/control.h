#pragma once
// Control: the packets between the server and the nursery of media children: requests and what
// became of them. Both ends.
//
// A packet is one JSON object, at most MEDIA_CONTROL_MAX bytes, on a SOCK_SEQPACKET socket;
// that of a start carries the child's descriptors (SCM_RIGHTS). Ids are the server's, and are
// never used twice in a nursery's life.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/allow.h"
#include "util/error.h"

#define MEDIA_CONTROL_MAX     (16 * 1024)
#define MEDIA_URL_MAX         4096  // bytes of an address, its zero included
#define MEDIA_TRACK_MAX       32    // of the wish for a track
#define MEDIA_EXTENSION_MAX   16    // of the end of a file's name
#define MEDIA_DESCRIPTORS_MAX 2     // that a packet carries

// Which cage a child gets, and which protocols and formats it may use.
enum media_kind {
        MEDIA_NETWORK,  // an address; may connect
        MEDIA_FILE,     // the user's own file or standard input
        MEDIA_UPLOAD,   // bytes of a stranger
        MEDIA_LIVE,     // likewise, while they are spoken: through a pipe, with little delay
};

enum media_transport { MEDIA_TCP, MEDIA_UDP };

// What a child is to read, and how. No pointers: it can be wiped.
struct media_request {
        enum media_kind kind;
        char url[MEDIA_URL_MAX];  // MEDIA_NETWORK: with its password; else empty
        bool has_input;           // a descriptor to read from comes with it, which has
        char extension[MEDIA_EXTENSION_MAX];  // this after its name's last dot; "": none known
        enum media_transport transport;       // of RTSP
        bool is_paced;                        // a file played in real time, as if it were live
        bool is_looped;                       // and again from its begin
        char track[MEDIA_TRACK_MAX];  // "": the child chooses; "2": number from 1; "de":
                                      // language
        // MEDIA_NETWORK: who gave the address is a stranger, and may not reach what is closed
        // to those (media/allow.h), but for this.
        bool is_untrusted;
        char allow[MEDIA_ALLOW_MAX];
        unsigned n_channels;  // 1: a mix; else so many are kept apart, interleaved, 2 to 64
};

enum media_control_type {
        MEDIA_DO_START,   // request, with descriptors: [0] the record pipe's write end, [1]
                          // input
        MEDIA_DO_SIGNAL,  // signal: SIGTERM or SIGKILL
        MEDIA_DO_CPU,     // seconds: all the processor time that the child may have used
        MEDIA_STARTED,    // pid
        MEDIA_ENDED,      // status or signal
        MEDIA_FAILED,     // error_number: there is no child; nothing more comes of this id
};

// One packet. Of the fields behind `id`, those that the type names are set.
struct media_control {
        enum media_control_type type;
        uint64_t id;  // 1 to 2^53
        struct media_request request;
        int signal;
        unsigned seconds;
        int pid;
        int status;
        int error_number;
};

// Write the packet's bytes. Returns how many; -EINVAL for what the other end would refuse (a
// kind with an address that may have none, texts that are not UTF-8, numbers out of range).
int media_control_encode(const struct media_control *control, char ret[MEDIA_CONTROL_MAX]);

// Read one that may be anything. -EPROTO with words in *error, which hold nothing of the
// packet; then ret->type and ret->id are those that were read, as far as there are any (id 0:
// none).
int media_control_decode(const char *bytes, size_t n, struct media_control *ret,
                         struct error *error);

// Send one without waiting, with `n` descriptors (they stay the caller's). 0 or a negative
// errno: -EAGAIN when the socket is full, -EPIPE when the other end is closed; SIGPIPE is not
// raised.
int media_control_send(int socket, const struct media_control *control, const int *descriptors,
                       size_t n);

// Receive one without waiting; MSG_DONTWAIT. `descriptors` get what came with it,
// close-on-exec, the caller's from now on; -1 are those that did not come, or that this process
// has no room for. 1: a packet. 0: the other end is closed. -EAGAIN: none there. -EPROTO: one
// that is not understood, as media_control_decode() tells, whose descriptors have been closed.
// Other negative errno: the socket is broken.
int media_control_receive(int socket, struct media_control *ret,
                          int descriptors[MEDIA_DESCRIPTORS_MAX], struct error *error);
