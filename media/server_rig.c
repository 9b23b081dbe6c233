#include "media/server_rig.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "media/child_rig.h"
#include "util/mem.h"

#define REQUEST_MAX 4096

// --- sockets ----------------------------------------------------------------------

static int listener_open(int *ret_port) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t n = sizeof(address);
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(listener >= 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&address, n), 0);
        assert_int_equal(listen(listener, 8), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &n), 0);
        *ret_port = ntohs(address.sin_port);
        return listener;
}

int rig_server_free_port(void) {
        int port;

        close(listener_open(&port));
        return port;
}

typedef void serve_function(int client, const void *context);

// Each client gets a process.
static struct rig_server server_start(serve_function *serve, const void *context) {
        struct rig_server server;
        int listener = listener_open(&server.port);

        server.pid = fork();
        assert_true(server.pid >= 0);
        if (server.pid > 0) {
                close(listener);
                return server;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);  // also when an assertion ends the test
        signal(SIGCHLD, SIG_IGN);
        for (;;) {
                int client = accept(listener, NULL, NULL);

                if (client >= 0 && fork() == 0) {
                        prctl(PR_SET_PDEATHSIG, SIGKILL);
                        serve(client, context);
                        _exit(0);
                }
                close(client);
        }
}

void rig_server_close(struct rig_server *server) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
}

static bool all_write(int client, const void *bytes, size_t n) {
        for (size_t done = 0; done < n;) {
                ssize_t got = write(client, (const char *)bytes + done, n - done);

                if (got <= 0)
                        return false;
                done += (size_t)got;
        }
        return true;
}

// Up to the empty line; false at the end.
static bool request_read(int client, char ret[REQUEST_MAX]) {
        size_t n = 0;

        while (n + 1 < REQUEST_MAX && read(client, ret + n, 1) == 1) {
                ret[++n] = '\0';
                if (n >= 4 && strcmp(ret + n - 4, "\r\n\r\n") == 0)
                        return true;
        }
        return false;
}

static void text_send(int client, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

static void text_send(int client, const char *format, ...) {
        char text[REQUEST_MAX];
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        all_write(client, text, (size_t)n);
}

// --- web ----------------------------------------------------------------------------

#define ICY_PERIOD 4096

static void radio_send(int client, const uint8_t *bytes, size_t n) {
        static const char *const titles[] = {"StreamTitle='first';", "StreamTitle='second';"};

        text_send(client,
                  "HTTP/1.0 200 OK\r\nContent-Type: audio/mpeg\r\nicy-metaint: %d\r\n\r\n",
                  ICY_PERIOD);
        for (size_t place = 0; place < n; place += ICY_PERIOD) {
                uint8_t title[33] = {2};
                size_t part = n - place < ICY_PERIOD ? n - place : ICY_PERIOD;

                if (!all_write(client, bytes + place, part) || part < ICY_PERIOD)
                        return;
                memcpy(title + 1, titles[place > n / 2], strlen(titles[place > n / 2]));
                all_write(client, title, sizeof(title));
        }
}

static void file_send(int client, const char *name, bool is_cut) {
        size_t n;
        uint8_t *bytes = rig_folder_read(name, &n);

        text_send(client, "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n", n);
        all_write(client, bytes, is_cut ? n / 2 : n);
}

static bool path_match(const char *path, const char *prefix, const char **ret_rest) {
        size_t n = strlen(prefix);

        *ret_rest = path + n;
        return strncmp(path, prefix, n) == 0;
}

static void web_serve(int client, const void *context) {
        char request[REQUEST_MAX], path[1024];
        const char *rest;
        size_t n;

        (void)context;
        if (!request_read(client, request) || sscanf(request, "GET %1023s", path) != 1)
                return;
        if (path_match(path, "/code/", &rest)) {
                text_send(client, "HTTP/1.0 %s Whatever\r\nContent-Length: 0\r\n\r\n", rest);
        } else if (path_match(path, "/to/", &rest)) {
                text_send(client, "HTTP/1.0 302 Found\r\nLocation: %s\r\n\r\n", rest);
        } else if (path_match(path, "/radio/", &rest)) {
                const uint8_t *bytes = rig_folder_read(rest, &n);

                radio_send(client, bytes, n);
        } else if (path_match(path, "/cut/", &rest)) {
                file_send(client, rest, true);
        } else {
                file_send(client, path + 1, false);
        }
        shutdown(client, SHUT_WR);
        while (read(client, request, sizeof(request)) > 0)
                continue;
}

struct rig_server rig_server_web(void) {
        return server_start(web_serve, NULL);
}

// --- camera ---------------------------------------------------------------------------

#define CAMERA_RATE   8000
#define PACKET        160  // 20 ms
#define SPEED         10
#define SCENES_MAX    8
#define RTP_HEAD_SIZE 12

struct camera {
        unsigned n_tracks;
        struct rig_scene scenes[SCENES_MAX];
        size_t n_scenes;
        int status;
};

// G.711, mu-law.
static uint8_t sample_encode(int sample) {
        int sign = sample < 0 ? 0x80 : 0, exponent = 7;

        sample = (sample < 0 ? -sample : sample) + 132;
        if (sample > 32767)
                sample = 32767;
        while (exponent > 0 && !(sample & (0x80 << exponent)))
                exponent--;
        return (uint8_t) ~(sign | (exponent << 4) | ((sample >> (exponent + 3)) & 15));
}

static int sound_sample(enum rig_sound sound, uint32_t i) {
        switch (sound) {
        case RIG_SINE:
                return (int)(8000 * sin(2 * M_PI * 440 * i / CAMERA_RATE));
        case RIG_BURSTS:
                return (i / 1000 % 2 ? 8000 : 80) * (rand() % 201 - 100) / 100;
        default:
                return 0;
        }
}

static bool packet_send(int client, const struct rig_scene *scene, uint16_t number,
                        uint32_t i) {
        uint8_t packet[4 + RTP_HEAD_SIZE + PACKET] = {
                '$', (uint8_t)(2 * scene->track), 0, RTP_HEAD_SIZE + PACKET, 0x80, 0};
        uint32_t stamp = htonl(1000 + (uint32_t)(int64_t)(scene->at * CAMERA_RATE) + i);
        uint16_t order = htons(number);

        memcpy(packet + 6, &order, 2);
        memcpy(packet + 8, &stamp, 4);
        packet[15] = (uint8_t)(1 + scene->track);
        for (uint32_t k = 0; k < PACKET; k++)
                packet[4 + RTP_HEAD_SIZE + k] =
                        sample_encode(sound_sample(scene->sound, i + k));
        return all_write(client, packet, sizeof(packet));
}

// Scenes in their order; those of different tracks that follow each other are sent together.
static void scenes_play(int client, const struct camera *camera) {
        const struct timespec pause = {0, 20000000 / SPEED};
        uint16_t numbers[SCENES_MAX] = {0};

        for (size_t first = 0, last; first < camera->n_scenes; first = last) {
                double seconds = camera->scenes[first].seconds;

                for (last = first + 1;
                     last < camera->n_scenes &&
                     camera->scenes[last].track > camera->scenes[last - 1].track;)
                        last++;
                for (uint32_t i = 0; i < seconds * CAMERA_RATE; i += PACKET) {
                        for (size_t k = first; k < last; k++)
                                if (!packet_send(client, &camera->scenes[k],
                                                 numbers[camera->scenes[k].track]++, i))
                                        return;
                        nanosleep(&pause, NULL);
                }
        }
}

static void description_send(int client, const struct camera *camera, int sequence) {
        char sdp[1024];
        size_t n = (size_t)snprintf(sdp, sizeof(sdp),
                                    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\n"
                                    "t=0 0\r\na=control:*\r\n");

        for (unsigned i = 0; i < camera->n_tracks; i++)
                n += (size_t)snprintf(sdp + n, sizeof(sdp) - n,
                                      "m=audio 0 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
                                      "a=control:track%u\r\n",
                                      i);
        text_send(client,
                  "RTSP/1.0 200 OK\r\nCSeq: %d\r\nContent-Type: application/sdp\r\n"
                  "Content-Length: %zu\r\n\r\n%s",
                  sequence, n, sdp);
}

static void camera_serve(int client, const void *context) {
        const struct camera *camera = context;
        char request[REQUEST_MAX];
        unsigned n_set_up = 0;

        while (request_read(client, request)) {
                const char *place = strcasestr(request, "CSeq:");
                int sequence = place ? (int)strtol(place + 5, NULL, 10) : 0;

                if (strncmp(request, "DESCRIBE", 8) == 0 && camera->status) {
                        text_send(client, "RTSP/1.0 %d Whatever\r\nCSeq: %d\r\n\r\n",
                                  camera->status, sequence);
                } else if (strncmp(request, "DESCRIBE", 8) == 0) {
                        description_send(client, camera, sequence);
                } else if (strncmp(request, "SETUP", 5) == 0) {
                        text_send(client,
                                  "RTSP/1.0 200 OK\r\nCSeq: %d\r\nSession: 7\r\nTransport: "
                                  "RTP/AVP/TCP;unicast;interleaved=%u-%u\r\n\r\n",
                                  sequence, 2 * n_set_up, 2 * n_set_up + 1);
                        n_set_up++;
                } else {
                        text_send(client, "RTSP/1.0 200 OK\r\nCSeq: %d\r\nSession: 7\r\n\r\n",
                                  sequence);
                }
                if (strncmp(request, "PLAY", 4) == 0) {
                        scenes_play(client, camera);
                        return;
                }
        }
}

struct rig_server rig_server_camera(unsigned n_tracks, const struct rig_scene *scenes,
                                    size_t n_scenes, int status) {
        struct camera camera = {.n_tracks = n_tracks, .n_scenes = n_scenes, .status = status};

        assert_true(n_scenes <= SCENES_MAX && n_tracks <= SCENES_MAX);
        memcpy(camera.scenes, scenes, n_scenes * sizeof(*scenes));
        return server_start(camera_serve, &camera);
}
