/* The bench's client where many small requests are counted: as little work of its own as can be.
 *
 * usage: client http|lpr PORT CLIENTS COUNT SECONDS WARM_UP < STEPS
 *
 * STEPS is what one request or job sends, step by step, each as "LENGTH\n" and its octets. `http` has one step
 * on a connection that is kept, answered by an IPP message in HTTP; `lpr` sends each job on a connection of its
 * own, every step answered by a zero octet, and "###" in all steps but the last is the job's number. COUNT 0
 * goes on for SECONDS. Writes the seconds in all and then each latency, in order of completion, as doubles.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_STEPS = 8, MAX_CLIENTS = 1024, ANSWER_BYTES = 1 << 20, TIMEOUT_S = 60, FIRST_IPP_ERROR = 0x0100 };

struct step {
    size_t length;
    char *octets;
};

struct client {
    int socket;
    int step;
    unsigned number;
    double began;
    size_t received;
    char *answer;
};

static struct step steps[MAX_STEPS];
static int step_count, port, is_lpr;
static unsigned jobs;
static char *outgoing;

static void fail(const char *words) {
    fprintf(stderr, "%s%s%s\n", words, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void read_steps(void) {
    size_t longest = 0;
    unsigned long length;
    while (step_count < MAX_STEPS && scanf("%lu", &length) == 1 && getchar() == '\n') {
        struct step *step = &steps[step_count++];
        step->length = length;
        step->octets = malloc(length);
        if (step->octets == NULL || fread(step->octets, 1, length, stdin) != length) fail("a step is cut short");
        if (length > longest) longest = length;
    }
    if (step_count == 0) fail("no steps");
    outgoing = malloc(longest);
}

static void open_connection(struct client *client) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval patience = {.tv_sec = TIMEOUT_S};
    int yes = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (client->socket < 0 || connect(client->socket, (struct sockaddr *)&address, sizeof address) < 0)
        fail("no connection");
    setsockopt(client->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(client->socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

static void send_step(struct client *client) {
    struct step *step = &steps[client->step];
    char *octets = step->octets;
    if (is_lpr && client->step < step_count - 1) {
        char digits[12];
        snprintf(digits, sizeof digits, "%03u", client->number % 1000);
        memcpy(outgoing, step->octets, step->length);
        for (size_t at = 0; at + 3 <= step->length; at++)
            if (memcmp(outgoing + at, "###", 3) == 0) memcpy(outgoing + at, digits, 3);
        octets = outgoing;
    }
    for (size_t sent = 0; sent < step->length;) {
        ssize_t more = send(client->socket, octets + sent, step->length - sent, MSG_NOSIGNAL);
        if (more <= 0) fail("the server takes nothing more");
        sent += more;
    }
    client->received = 0;
}

static void begin(struct client *client) {
    client->began = now();
    client->step = 0;
    if (is_lpr) {
        open_connection(client);
        client->number = jobs++;
    }
    send_step(client);
}

/* Whether an answer in HTTP is complete; ends the program unless it is 200 and IPP's status a success. */
static int http_is_complete(struct client *client) {
    static const char interim[] = "HTTP/1.1 100 ";
    char *head = client->answer, *end, *line;
    size_t length = 0, have = client->received;
    if (have >= sizeof interim - 1 && memcmp(head, interim, sizeof interim - 1) == 0) {
        char *next = memmem(head, have, "\r\n\r\n", 4);
        if (next == NULL) return 0;
        have -= next + 4 - head;
        head = next + 4;
    }
    end = memmem(head, have, "\r\n\r\n", 4);
    if (end == NULL) return 0;
    for (line = head; line < end; line = (char *)memchr(line, '\n', end + 2 - line) + 1)
        if (strncasecmp(line, "content-length:", 15) == 0) length = strtoul(line + 15, NULL, 10);
    if (length < 8) fail("an answer without a length");
    if (have < (size_t)(end + 4 - head) + length) return 0;
    unsigned status = (unsigned char)end[6] << 8 | (unsigned char)end[7];
    if (memcmp(head, "HTTP/1.1 200", 12) != 0 || status >= FIRST_IPP_ERROR) {
        fprintf(stderr, "refused: %.12s, IPP status %#06x\n", head, status);
        exit(1);
    }
    return 1;
}

/* Take what has come; whether the request or job is done. */
static int is_done(struct client *client) {
    errno = 0;
    ssize_t more = recv(client->socket, client->answer + client->received, ANSWER_BYTES - client->received, 0);
    if (more <= 0) fail("no answer");
    client->received += more;
    if (!is_lpr) return http_is_complete(client);
    if (client->answer[0] != 0) fail("the server says no");
    if (++client->step < step_count) {
        send_step(client);
        return 0;
    }
    close(client->socket);
    return 1;
}

int main(int count_of, char **words) {
    if (count_of != 7) fail("usage: client http|lpr PORT CLIENTS COUNT SECONDS WARM_UP < STEPS");
    is_lpr = strcmp(words[1], "lpr") == 0;
    port = atoi(words[2]);
    long clients = atol(words[3]), count = atol(words[4]), warm_up = atol(words[6]);
    double seconds = atof(words[5]);
    if (clients < 1 || clients > MAX_CLIENTS) fail("so many clients cannot be");
    read_steps();
    struct client *all = calloc(clients, sizeof *all);
    for (long at = 0; at < clients; at++) {
        all[at].answer = malloc(ANSWER_BYTES);
        if (!is_lpr) open_connection(&all[at]);
    }
    for (long at = 0; at < (is_lpr ? 1 : clients); at++)
        for (long one = 0; one < warm_up; one++)
            for (begin(&all[at]); !is_done(&all[at]);) continue;

    size_t room = 1 << 16, done = 0;
    double *latencies = malloc(room * sizeof *latencies), started_at = now(), ends = started_at + seconds;
    long started = 0, busy = 0;
    int poll = epoll_create1(0);
    struct epoll_event wanted = {.events = EPOLLIN}, ready[64];
    for (long at = 0; at < clients && (count == 0 || started < count); at++, started++, busy++) {
        begin(&all[at]);
        wanted.data.ptr = &all[at];
        epoll_ctl(poll, EPOLL_CTL_ADD, all[at].socket, &wanted);
    }
    while (busy) {
        int found = 1;
        ready[0].data.ptr = &all[0];
        /* A single client waits in recv, as a real one does. */
        if (clients > 1 && (found = epoll_wait(poll, ready, 64, TIMEOUT_S * 1000)) <= 0) fail("no answer");
        for (int one = 0; one < found; one++) {
            struct client *client = ready[one].data.ptr;
            if (!is_done(client)) continue;
            double at = now();
            if (done == room) latencies = realloc(latencies, (room *= 2) * sizeof *latencies);
            latencies[done++] = at - client->began;
            if (count ? started >= count : at >= ends) {
                busy--;
                continue;
            }
            started++;
            begin(client);
            if (is_lpr) {
                wanted.data.ptr = client;
                epoll_ctl(poll, EPOLL_CTL_ADD, client->socket, &wanted);
            }
        }
    }
    double taken = now() - started_at;
    fwrite(&taken, sizeof taken, 1, stdout);
    fwrite(latencies, sizeof *latencies, done, stdout);
    return 0;
}
