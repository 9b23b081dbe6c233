#include "dialect/audiosocket/messages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/mem.h"

#define KIND_HANGUP 0x00
#define KIND_UUID   0x01
#define KIND_SOUND  0x10  // and the kinds behind it, a rate each
#define KIND_ERROR  0xff

// Hz; 0: no kind of sound.
static unsigned rate_of(uint8_t kind) {
        static const unsigned rates[] = {8000,  12000, 16000, 24000, 32000,
                                         44100, 48000, 96000, 192000};
        size_t i = (size_t)kind - KIND_SOUND;

        return kind >= KIND_SOUND && i < sizeof(rates) / sizeof(rates[0]) ? rates[i] : 0;
}

static void uuid_format(const uint8_t uuid[AUDIOSOCKET_UUID], char ret[AUDIOSOCKET_TEXT]) {
        size_t n = 0;

        for (size_t i = 0; i < AUDIOSOCKET_UUID; i++)
                n += (size_t)snprintf(ret + n, AUDIOSOCKET_TEXT - n, "%s%02x",
                                      i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                                      uuid[i]);
}

// Whether a message may begin so.
static int head_check(const struct audiosocket_reader *reader, struct error *error) {
        uint8_t kind = reader->head[0];

        if (!reader->has_call && kind != KIND_UUID && kind != KIND_HANGUP)
                return error_set(error, -EPROTO,
                                 "a call begins with its UUID (kind 0x01), not with kind "
                                 "0x%02x: this port is for Asterisk's AudioSocket",
                                 kind);
        if (kind == KIND_UUID && reader->has_call)
                return error_set(error, -EPROTO, "the call's UUID came twice");
        if (kind == KIND_UUID && reader->left != AUDIOSOCKET_UUID)
                return error_set(error, -EPROTO, "a UUID has 16 bytes, not %zu", reader->left);
        return 0;
}

static size_t head_read(struct audiosocket_reader *reader, const uint8_t *bytes, size_t n) {
        size_t lacking = AUDIOSOCKET_HEAD - reader->n_head, taken = n < lacking ? n : lacking;

        memcpy(reader->head + reader->n_head, bytes, taken);
        reader->n_head += taken;
        if (reader->n_head == AUDIOSOCKET_HEAD)
                reader->left = (size_t)reader->head[1] << 8 | reader->head[2];
        return taken;
}

// The whole message is there.
static void message_end(struct audiosocket_reader *reader, struct audiosocket_said *ret) {
        switch (reader->head[0]) {
        case KIND_HANGUP:
                ret->event = AUDIOSOCKET_HANGUP;
                break;
        case KIND_UUID:
                ret->event = AUDIOSOCKET_CALL;
                uuid_format(reader->kept, ret->uuid);
                reader->has_call = true;
                break;
        case KIND_ERROR:
                ret->event = AUDIOSOCKET_TROUBLE;
                ret->code = reader->n_kept ? reader->kept[0] : 0;
                break;
        default:
                break;
        }
        reader->n_head = reader->n_kept = 0;
}

static size_t payload_read(struct audiosocket_reader *reader, const uint8_t *bytes, size_t n,
                           struct audiosocket_said *ret) {
        size_t taken = n < reader->left ? n : reader->left;
        size_t room = AUDIOSOCKET_UUID - reader->n_kept;
        size_t n_kept = taken < room ? taken : room;

        ret->rate = rate_of(reader->head[0]);
        if (ret->rate && taken > 0) {
                ret->event = AUDIOSOCKET_SOUND;
                ret->bytes = bytes;
                ret->n = taken;
        } else {
                memcpy(reader->kept + reader->n_kept, bytes, n_kept);
                reader->n_kept += n_kept;
        }
        reader->left -= taken;
        return taken;
}

size_t audiosocket_read(struct audiosocket_reader *reader, const uint8_t *bytes, size_t n,
                        struct audiosocket_said *ret, struct error *error) {
        size_t taken = 0;

        *ret = (struct audiosocket_said){.event = AUDIOSOCKET_NOTHING};
        if (reader->n_head < AUDIOSOCKET_HEAD) {
                taken = head_read(reader, bytes, n);
                if (reader->n_head < AUDIOSOCKET_HEAD)
                        return taken;
                if (head_check(reader, error) < 0)
                        return 0;
        }
        taken += payload_read(reader, bytes + taken, n - taken, ret);
        if (reader->left == 0)
                message_end(reader, ret);
        return taken;
}

char *audiosocket_encode_hangup(void) {
        char *message = xcalloc(AUDIOSOCKET_HEAD, 1);  // without a payload

        message[0] = KIND_HANGUP;
        return message;
}

// --- which stream ----------------------------------------------------------------------------

#define UUID_LENGTH (AUDIOSOCKET_TEXT - 1)

char *audiosocket_stream(const char *calls, const char *uuid) {
        bool is_any = false;

        for (const char *word = calls; word && *word;) {
                size_t n = strcspn(word, " ");

                if (n > UUID_LENGTH + 1 && word[UUID_LENGTH] == '=' &&
                    strncasecmp(word, uuid, UUID_LENGTH) == 0)
                        return xasprintf("%.*s", (int)(n - UUID_LENGTH - 1),
                                         word + UUID_LENGTH + 1);
                is_any |= n == 1 && *word == '*';
                word += n + strspn(word + n, " ");
        }
        return is_any ? xstrdup(uuid) : NULL;
}
