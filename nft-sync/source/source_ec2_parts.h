/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SOURCE_EC2_PARTS_H
#define PODSG_SOURCE_EC2_PARTS_H

/* Inside the EC2 source: one follower a kind of object, and the instance's own facts. */

#include "common/ec2.h"
#include "nft-sync/source/ec2_ids.h"
#include "nft-sync/source/source_ec2.h"

#include <limits.h>

#define EC2_FOLLOWERS 3
#define EC2_WANTED_MAX 5000 /* ids of a kind; EC2's quota is half of it */

struct source_ec2;
struct ec2_follower;

/* What there is to say about a kind. */
struct ec2_kind_of_source {
	const char *what;     /* "security groups" */
	const char *list;     /* of the document: "SecurityGroups" */
	const char *document; /* "ec2/security-groups" */
	const char *copy;     /* name of its file */
	enum ec2_kind kind;
	/* Asks the next question of a round: 0; or 1: all is said. */
	int (*ask)(struct ec2_follower *follower, struct error *err);
	/* Takes what is the answer to it. Below 0: the round has failed. */
	int (*take)(struct ec2_follower *follower, const struct aws_answer *answer,
	            struct error *err);
	/* Whether the document is an answer to what was asked. */
	int (*check)(const struct document *document, const struct wanted_ids *asked,
	             struct error *err);
	/* Whether the model knows it, by whatever source. */
	bool (*known)(const struct model *model, const char *id);
};

extern const struct ec2_kind_of_source ec2_groups;
extern const struct ec2_kind_of_source ec2_interfaces;
extern const struct ec2_kind_of_source ec2_prefix_lists;

/* Every question about what was wanted when it began, and the answers so far. */
struct ec2_round {
	bool running;
	int64_t began; /* seconds since 1970 */
	struct wanted_ids ids;
	size_t asked;    /* of the ids, in their order */
	bool confirming; /* groups: those that were not among the answers, by name */
	struct ec2_items *items;
	struct buffer lists; /* prefix lists: those that are whole */
	struct wanted_ids missing;
	struct ec2_describe *describe;
	struct error error; /* of a part that does not spoil the rest */
};

struct ec2_follower {
	struct source_ec2 *source;
	const struct ec2_kind_of_source *kind;
	uv_timer_t timer; /* until the next round */
	struct ec2_round round;
	bool told; /* what is wanted */
	struct wanted_ids wanted;
	bool answered_once;
	struct wanted_ids answered;
	struct wanted_ids missing; /* of those answered: EC2 says they do not exist */
	char *text;                /* of the document in the model; NULL = none */
	size_t length;
	bool kept;            /* the copy is of this text */
	uint64_t started;     /* the last round, uv_now() */
	unsigned failures;    /* in a row */
	unsigned retry_after; /* seconds that EC2 asks for, of the last answer */
	struct error error;   /* of the last round */
	struct source_status status;
	char copy_error[256];
};

struct ec2_instance {
	struct source_ec2 *source;
	uv_timer_t timer;
	struct imds_call *call;
	size_t step;
	struct buffer facts; /* being gathered: a line a fact, lists separated by blanks */
	char *known;         /* of the document in the model, likewise */
	char mac[32];
	unsigned failures;
	bool answered;
	struct source_status status;
};

struct source_ec2 {
	const struct config *config;
	struct model *model;
	void (*changed)(void *context);
	void *context;
	uv_loop_t *loop;
	struct http *http;
	struct imds *imds;
	struct ec2 *ec2;
	struct ec2_follower followers[EC2_FOLLOWERS];
	struct ec2_instance instance;
	uv_timer_t settle;  /* then it has synced, if all that is wanted is answered */
	uv_timer_t restore; /* then the copies do where EC2 has not answered */
	unsigned handles;   /* that are not closed */
	bool synced;        /* all that is wanted is there */
	bool synced_once;
	bool in_force;         /* a resolution is: what is wanted comes from all that there is */
	char copies[PATH_MAX]; /* directory; "" = none are kept */
};

void ec2_follower_open(struct ec2_follower *follower, struct source_ec2 *source,
                       const struct ec2_kind_of_source *kind);
void ec2_follower_stop(struct ec2_follower *follower); /* its timer is the source's to close */
void ec2_follower_done(struct ec2_follower *follower);
/* For ask(): the ids of the round from there on; the answer goes to take(). */
int ec2_follower_ask(struct ec2_follower *follower, enum ec2_question question, size_t from,
                     size_t count, struct error *err);
/* Takes the ids over, if they are others than before: then it is true. */
bool ec2_follower_want(struct ec2_follower *follower, struct wanted_ids *ids);
/* Whether all that is wanted is answered, or in a copy. */
bool ec2_follower_covers(const struct ec2_follower *follower);
/* Whether something is wanted, and neither EC2 nor a copy has said anything. */
bool ec2_follower_waits(const struct ec2_follower *follower);
/* What EC2 said before the restart, unless it has said something since. */
void ec2_follower_restore(struct ec2_follower *follower);
/* The rules in force know what is wanted: keeps a copy. */
void ec2_follower_keep(struct ec2_follower *follower);
/* Gives up what nobody wants. */
void ec2_follower_forget(struct ec2_follower *follower);
void ec2_follower_status(const struct ec2_follower *follower, struct source_status *ret);

/* The copy of a follower's document. *ret_text is the caller's. -ENOENT: none. */
int ec2_copy_load(const struct ec2_follower *follower, char **ret_text, size_t *ret_length,
                  int64_t *ret_time, struct error *err);
void ec2_copy_keep(struct ec2_follower *follower);
void ec2_copy_remove(const struct ec2_follower *follower);

void ec2_instance_open(struct ec2_instance *instance, struct source_ec2 *source);
void ec2_instance_stop(struct ec2_instance *instance);
void ec2_instance_done(struct ec2_instance *instance);

/* The model is another one, or a part has got further. */
void source_ec2_changed(struct source_ec2 *source);
void source_ec2_progress(struct source_ec2 *source);

#endif
