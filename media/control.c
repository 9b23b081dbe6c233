#include "media/control.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "media/records.h"
#include "util/cleanup.h"

#define ID_MAX ((json_int_t)1 << 53)

static const char *const kind_names[] = {
        [MEDIA_NETWORK] = "network",
        [MEDIA_FILE] = "file",
        [MEDIA_UPLOAD] = "upload",
        [MEDIA_LIVE] = "live",
        NULL,
};
static const char *const transport_names[] = {[MEDIA_TCP] = "tcp", [MEDIA_UDP] = "udp", NULL};
static const char *const input_names[] = {"none", "descriptor", NULL};

// How a type is told on the wire: {"do": "start"}, {"event": "ended"}.
static const struct control_name {
        const char *key;
        const char *name;
} control_names[] = {
        [MEDIA_DO_START] = {"do", "start"}, [MEDIA_DO_SIGNAL] = {"do", "signal"},
        [MEDIA_DO_CPU] = {"do", "cpu"},     [MEDIA_STARTED] = {"event", "started"},
        [MEDIA_ENDED] = {"event", "ended"}, [MEDIA_FAILED] = {"event", "failed"},
};

#define N_CONTROL_NAMES ((int)(sizeof(control_names) / sizeof(control_names[0])))

static json_t *json_free(json_t *json) {
        json_decref(json);
        return NULL;
}

DEFINE_CLEANUP(json_t *, json_free);

// --- what both ends hold to be right ----------------------------------------------

static bool extension_is_good(const char *extension) {
        for (; *extension; extension++)
                if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
                            *extension))
                        return false;
        return true;
}

static bool text_is_one_line(const char *text) {
        for (; *text; text++)
                if ((unsigned char)*text < 0x20 || *text == 0x7f)
                        return false;
        return true;
}

// What is wrong with a request; NULL: nothing.
static const char *request_trouble(const struct media_request *request) {
        bool is_network = request->kind == MEDIA_NETWORK;

        if (is_network != (request->url[0] != '\0'))
                return "an address for what is none, or none for what has one";
        if (is_network == request->has_input)
                return "an input for what has none, or none for what has one";
        if (!text_is_one_line(request->url) || !text_is_one_line(request->track))
                return "a line break in a text";
        if (!is_network && request->is_untrusted)
                return "a stranger's address for what has none";
        if (!media_allow_is_good(request->allow))
                return "an address that is none among those that are allowed";
        if (!extension_is_good(request->extension))
                return "an extension that is none";
        if (request->n_channels < 1 || request->n_channels > MEDIA_CHANNELS_MAX)
                return "an impossible number of channels";
        return NULL;
}

static const char *control_trouble(const struct media_control *control) {
        if (control->id < 1 || control->id > (uint64_t)ID_MAX)
                return "no id";
        switch (control->type) {
        case MEDIA_DO_START:
                return request_trouble(&control->request);
        case MEDIA_DO_SIGNAL:
                return control->signal == SIGTERM || control->signal == SIGKILL
                               ? NULL
                               : "a signal that is not sent";
        case MEDIA_DO_CPU:
                return control->seconds > 0 ? NULL : "no processor time";
        case MEDIA_STARTED:
                return control->pid > 0 ? NULL : "no process id";
        case MEDIA_ENDED:
                return control->status >= 0 && control->status <= UCHAR_MAX &&
                                       control->signal >= 0 && control->signal <= SIGRTMAX
                               ? NULL
                               : "an exit that is none";
        case MEDIA_FAILED:
                return control->error_number > 0 ? NULL : "no error number";
        }
        return "an unknown type";
}

// --- to bytes -------------------------------------------------------------------

static json_t *request_pack(const struct media_control *control) {
        const struct media_request *request = &control->request;

        return json_pack("{s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:b, s:s, s:I}",
                         "do", "start", "id", (json_int_t)control->id, "kind",
                         kind_names[request->kind], "url", request->url, "input",
                         input_names[request->has_input], "extension", request->extension,
                         "transport", transport_names[request->transport], "is_paced",
                         (int)request->is_paced, "is_looped", (int)request->is_looped, "track",
                         request->track, "is_untrusted", (int)request->is_untrusted, "allow",
                         request->allow, "n_channels", (json_int_t)request->n_channels);
}

static json_t *control_pack(const struct media_control *control) {
        const struct control_name *name = &control_names[control->type];
        json_t *json;

        if (control->type == MEDIA_DO_START)
                return request_pack(control);
        json = json_pack("{s:s, s:I}", name->key, name->name, "id", (json_int_t)control->id);
        if (control->type == MEDIA_DO_SIGNAL || control->type == MEDIA_ENDED)
                json_object_set_new(json, "signal", json_integer(control->signal));
        if (control->type == MEDIA_DO_CPU)
                json_object_set_new(json, "seconds", json_integer(control->seconds));
        if (control->type == MEDIA_STARTED)
                json_object_set_new(json, "pid", json_integer(control->pid));
        if (control->type == MEDIA_ENDED)
                json_object_set_new(json, "status", json_integer(control->status));
        if (control->type == MEDIA_FAILED)
                json_object_set_new(json, "errno", json_integer(control->error_number));
        return json;
}

int media_control_encode(const struct media_control *control, char ret[MEDIA_CONTROL_MAX]) {
        CLEANUP(json_freep) json_t *json = NULL;
        size_t n;

        if (control_trouble(control))
                return -EINVAL;
        json = control_pack(control);
        n = json_dumpb(json, ret, MEDIA_CONTROL_MAX, JSON_COMPACT);
        return n == 0 || n > MEDIA_CONTROL_MAX ? -EINVAL : (int)n;
}

// --- from bytes -----------------------------------------------------------------

static bool text_unpack(const json_t *object, const char *key, char *ret, size_t size) {
        const json_t *text = json_object_get(object, key);

        if (!json_is_string(text) || json_string_length(text) >= size)
                return false;
        memcpy(ret, json_string_value(text), json_string_length(text) + 1);
        return true;
}

// Which of the names it is; -1: none of them.
static int name_unpack(const json_t *object, const char *key, const char *const *names) {
        const char *text = json_string_value(json_object_get(object, key));

        for (int i = 0; text && names[i]; i++)
                if (strcmp(text, names[i]) == 0)
                        return i;
        return -1;
}

static bool number_unpack(const json_t *object, const char *key, json_int_t most,
                          json_int_t *ret) {
        const json_t *number = json_object_get(object, key);

        *ret = json_integer_value(number);
        return json_is_integer(number) && *ret >= 0 && *ret <= most;
}

static bool flag_unpack(const json_t *object, const char *key, bool *ret) {
        const json_t *flag = json_object_get(object, key);

        *ret = json_is_true(flag);
        return json_is_boolean(flag);
}

static bool request_unpack(const json_t *json, struct media_request *ret) {
        int kind = name_unpack(json, "kind", kind_names);
        int input = name_unpack(json, "input", input_names);
        int transport = name_unpack(json, "transport", transport_names);
        json_int_t n_channels;

        if (kind < 0 || input < 0 || transport < 0 ||
            !text_unpack(json, "url", ret->url, sizeof(ret->url)) ||
            !text_unpack(json, "extension", ret->extension, sizeof(ret->extension)) ||
            !text_unpack(json, "track", ret->track, sizeof(ret->track)) ||
            !flag_unpack(json, "is_paced", &ret->is_paced) ||
            !flag_unpack(json, "is_looped", &ret->is_looped) ||
            !flag_unpack(json, "is_untrusted", &ret->is_untrusted) ||
            !text_unpack(json, "allow", ret->allow, sizeof(ret->allow)) ||
            !number_unpack(json, "n_channels", MEDIA_CHANNELS_MAX, &n_channels))
                return false;
        ret->kind = (enum media_kind)kind;
        ret->has_input = input;
        ret->transport = (enum media_transport)transport;
        ret->n_channels = (unsigned)n_channels;
        return true;
}

static bool type_unpack(const json_t *json, enum media_control_type *ret) {
        for (int i = 0; i < N_CONTROL_NAMES; i++) {
                const json_t *name = json_object_get(json, control_names[i].key);

                if (json_is_string(name) &&
                    strcmp(json_string_value(name), control_names[i].name) == 0) {
                        *ret = (enum media_control_type)i;
                        return true;
                }
        }
        return false;
}

// The members that a packet of this type has.
static bool control_unpack(const json_t *json, struct media_control *ret) {
        json_int_t number = 0, signal_number = 0;

        switch (ret->type) {
        case MEDIA_DO_START:
                return request_unpack(json, &ret->request);
        case MEDIA_DO_SIGNAL:
                if (!number_unpack(json, "signal", INT_MAX, &signal_number))
                        return false;
                break;
        case MEDIA_DO_CPU:
                if (!number_unpack(json, "seconds", INT_MAX, &number))
                        return false;
                break;
        case MEDIA_STARTED:
                if (!number_unpack(json, "pid", INT_MAX, &number))
                        return false;
                break;
        case MEDIA_ENDED:
                if (!number_unpack(json, "status", INT_MAX, &number) ||
                    !number_unpack(json, "signal", INT_MAX, &signal_number))
                        return false;
                break;
        case MEDIA_FAILED:
                if (!number_unpack(json, "errno", INT_MAX, &number))
                        return false;
                break;
        }
        ret->signal = (int)signal_number;
        ret->seconds = ret->type == MEDIA_DO_CPU ? (unsigned)number : 0;
        ret->pid = ret->type == MEDIA_STARTED ? (int)number : 0;
        ret->status = ret->type == MEDIA_ENDED ? (int)number : 0;
        ret->error_number = ret->type == MEDIA_FAILED ? (int)number : 0;
        return true;
}

int media_control_decode(const char *bytes, size_t n, struct media_control *ret,
                         struct error *error) {
        CLEANUP(json_freep) json_t *json = NULL;
        json_int_t id;
        const char *trouble;

        *ret = (struct media_control){0};
        json = n <= MEDIA_CONTROL_MAX ? json_loadb(bytes, n, JSON_REJECT_DUPLICATES, NULL)
                                      : NULL;
        if (!json_is_object(json))
                return error_set(error, -EPROTO, "a control packet that is no JSON object");
        if (!type_unpack(json, &ret->type))
                return error_set(error, -EPROTO, "a control packet of no known type");
        if (number_unpack(json, "id", ID_MAX, &id))
                ret->id = (uint64_t)id;
        if (!control_unpack(json, ret))
                return error_set(error, -EPROTO, "a control packet '%s' with a wrong member",
                                 control_names[ret->type].name);
        trouble = control_trouble(ret);
        if (trouble)
                return error_set(error, -EPROTO, "a control packet '%s' with %s",
                                 control_names[ret->type].name, trouble);
        return 0;
}

// --- over the socket --------------------------------------------------------------

// Room for one message of descriptors.
union ancillary {
        struct cmsghdr header;  // for its alignment
        char bytes[CMSG_SPACE(MEDIA_DESCRIPTORS_MAX * sizeof(int))];
};

int media_control_send(int socket, const struct media_control *control, const int *descriptors,
                       size_t n) {
        char bytes[MEDIA_CONTROL_MAX];
        union ancillary ancillary = {.bytes = {0}};
        struct iovec piece = {bytes, 0};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
        int length = media_control_encode(control, bytes);
        int code = 0;

        assert(n <= MEDIA_DESCRIPTORS_MAX);
        if (length < 0)
                return length;
        piece.iov_len = (size_t)length;
        if (n > 0) {
                message.msg_control = ancillary.bytes;
                message.msg_controllen = CMSG_SPACE(n * sizeof(int));
                ancillary.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(n * sizeof(int)),
                                                    .cmsg_level = SOL_SOCKET,
                                                    .cmsg_type = SCM_RIGHTS};
                memcpy(CMSG_DATA(&ancillary.header), descriptors, n * sizeof(int));
        }
        if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                code = -errno;
        // An address may hold a password.
        explicit_bzero(bytes, sizeof(bytes));
        return code;
}

// The descriptors that came. The kernel has closed those that do not fit, and those that this
// process may not have because it has too many (MSG_CTRUNC).
static void descriptors_take(struct msghdr *message, int ret[MEDIA_DESCRIPTORS_MAX]) {
        size_t n = 0;

        for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
             part = CMSG_NXTHDR(message, part)) {
                size_t n_here = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < n_here && n < MEDIA_DESCRIPTORS_MAX; i++)
                        memcpy(&ret[n++], CMSG_DATA(part) + i * sizeof(int), sizeof(int));
        }
}

static void descriptors_close(int descriptors[MEDIA_DESCRIPTORS_MAX]) {
        for (int i = 0; i < MEDIA_DESCRIPTORS_MAX; i++) {
                if (descriptors[i] >= 0)
                        close(descriptors[i]);
                descriptors[i] = -1;
        }
}

int media_control_receive(int socket, struct media_control *ret,
                          int descriptors[MEDIA_DESCRIPTORS_MAX], struct error *error) {
        char bytes[MEDIA_CONTROL_MAX];
        union ancillary ancillary;
        struct iovec piece = {bytes, sizeof(bytes)};
        struct msghdr message = {.msg_iov = &piece,
                                 .msg_iovlen = 1,
                                 .msg_control = ancillary.bytes,
                                 .msg_controllen = sizeof(ancillary.bytes)};
        ssize_t n = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        int code;

        memset(descriptors, -1, MEDIA_DESCRIPTORS_MAX * sizeof(int));
        if (n < 0)
                return -errno;
        descriptors_take(&message, descriptors);
        if (n == 0) {
                descriptors_close(descriptors);
                return 0;
        }
        if (message.msg_flags & MSG_TRUNC)
                code = error_set(error, -EPROTO, "a control packet that is too long");
        else
                code = media_control_decode(bytes, (size_t)n, ret, error);
        explicit_bzero(bytes, sizeof(bytes));
        if (code < 0) {
                descriptors_close(descriptors);
                return code;
        }
        return 1;
}
