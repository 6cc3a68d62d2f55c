/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "hooks/eni-gc/gc_eni.h"
#include "hooks/eni-gc/gc_eni_judge.h"
#include "hooks/eni-gc/gc_eni_options.h"

#define STATE_DIRECTORY "/var/lib/podsg/eni-sightings"
#define COOL_DOWN_DEFAULT 60 /* seconds, as the VPC resource controller has it */
#define COOL_DOWN_LEAST 30   /* likewise */
#define COOL_DOWN_MOST 86400
#define RATE_DEFAULT 5 /* a second: EC2 allows an account some ten mutating calls */
#define RATE_MOST 100

const char gc_eni_usage[] =
	"Usage: podsg-eni-gc enis --cluster NAME [--instance ID] [OPTIONS]\n"
	"       podsg-eni-gc enis --deleted-cluster NAME [--delete-groups] [OPTIONS]\n"
	"       podsg-eni-gc enis --blocking GROUP [OPTIONS]\n"
	"Deletes branch network interfaces that nobody uses any more, and says what keeps a\n"
	"security group from being deleted.\n"
	"\n"
	"  --cluster NAME          leaked branch interfaces of this EKS cluster\n"
	"  --instance ID           only those of this node\n"
	"  --deleted-cluster NAME  what a cluster that is deleted left: branch and trunk "
	"interfaces,\n"
	"                          those of the VPC CNI; security groups are only listed\n"
	"  --delete-groups         those tagged kubernetes.io/cluster/NAME=owned as well\n"
	"  --blocking GROUP        every interface, rule and VPC that blocks deleting sg-...\n"
	"\n"
	"  --dry-run               say what would be deleted; remember nothing\n"
	"  --wait                  wait for the second sighting instead of leaving it to the next "
	"run\n"
	"  --cool-down SECONDS     between the two sightings (60, 30 at least)\n"
	"  --rate N                deletions a second (5)\n"
	"  --state DIR             where first sightings are kept (" STATE_DIRECTORY ")\n"
	"  --region NAME           instead of sources.ec2.region, the environment's, the "
	"instance's\n"
	"  --endpoint URL          instead of sources.ec2.endpoint, EC2's own of the region\n"
	"  -o json, -o text        a JSON object a line (default unless written to a terminal)\n"
	"  --config FILE           configuration (" CONFIG_PATH ")\n"
	"  --help                  this text\n"
	"\n"
	"Exit: 0 done, or nothing to do; 1 something failed, or blocks the group; 2 bad command\n"
	"      line or configuration; 3 EC2 did not say all of it, nothing was done; 4 something\n"
	"      waits for its second sighting, or another run is at work; 5 the cluster lives,\n"
	"      nothing was done.\n";

enum long_option {
	OPTION_CLUSTER = 256,
	OPTION_INSTANCE,
	OPTION_DELETED_CLUSTER,
	OPTION_DELETE_GROUPS,
	OPTION_BLOCKING,
	OPTION_DRY_RUN,
	OPTION_WAIT,
	OPTION_COOL_DOWN,
	OPTION_RATE,
	OPTION_STATE,
	OPTION_REGION,
	OPTION_ENDPOINT,
};

static int take_number(const char *text, unsigned long least, unsigned long most,
                       unsigned long *ret, struct error *err)
{
	char *end;
	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || number < least || number > most)
		return error_set(err, -EINVAL, "\"%.32s\": expected a whole number, %lu to %lu",
		                 text, least, most);
	*ret = number;
	return 0;
}

static bool is_id(const char *text, const char *prefix)
{
	size_t length = strlen(text);
	size_t begin = strlen(prefix);
	return length > begin && length <= GC_ID_MAX && strncmp(text, prefix, begin) == 0 &&
	       strspn(text + begin, "abcdefghijklmnopqrstuvwxyz0123456789") == length - begin;
}

static int take_job(enum gc_eni_job job, const char *subject, struct gc_eni_options *options,
                    struct error *err)
{
	if (options->subject)
		return error_set(err, -EINVAL,
		                 "--cluster, --deleted-cluster and --blocking exclude each other");
	if (job == GC_JOB_BLOCKING && !is_id(subject, "sg-"))
		return error_set(err, -EINVAL, "\"%.64s\": expected a security group, sg-...",
		                 subject);
	if (job != GC_JOB_BLOCKING && !gc_cluster_name_is_valid(subject))
		return error_set(err, -EINVAL, "\"%.64s\": not the name of an EKS cluster",
		                 subject);
	options->job = job;
	options->subject = subject;
	return 0;
}

static int take_output(const char *name, struct gc_eni_options *options, struct error *err)
{
	options->json = strcmp(name, "json") == 0;
	if (options->json || strcmp(name, "text") == 0)
		return 0;
	return error_set(err, -EINVAL, "\"%.32s\": expected json or text", name);
}

static int take_value(int option, const char *value, struct gc_eni_options *options,
                      struct error *err)
{
	unsigned long number = 0;
	int r = 0;
	switch (option) {
	case OPTION_CLUSTER:
		return take_job(GC_JOB_CLUSTER, value, options, err);
	case OPTION_DELETED_CLUSTER:
		return take_job(GC_JOB_DELETED_CLUSTER, value, options, err);
	case OPTION_BLOCKING:
		return take_job(GC_JOB_BLOCKING, value, options, err);
	case OPTION_INSTANCE:
		options->instance = value;
		if (!is_id(value, "i-"))
			r = error_set(err, -EINVAL, "\"%.64s\": expected an instance, i-...",
			              value);
		return r;
	case OPTION_COOL_DOWN:
		r = take_number(value, COOL_DOWN_LEAST, COOL_DOWN_MOST, &number, err);
		options->cool_down = (int64_t)number * 1000;
		return r;
	case OPTION_RATE:
		r = take_number(value, 1, RATE_MOST, &number, err);
		options->rate = (unsigned)number;
		return r;
	default:
		return take_output(value, options, err);
	}
}

static int take_option(int option, const char *value, struct gc_eni_options *options,
                       struct error *err)
{
	switch (option) {
	case OPTION_DELETE_GROUPS:
		options->delete_groups = true;
		return 0;
	case OPTION_DRY_RUN:
		options->dry_run = true;
		return 0;
	case OPTION_WAIT:
		options->wait = true;
		return 0;
	case OPTION_STATE:
		options->state = value;
		return 0;
	case OPTION_REGION:
		options->region = value;
		return 0;
	case OPTION_ENDPOINT:
		options->endpoint = value;
		return 0;
	case 'c':
		options->config = value;
		return 0;
	case 'h':
		options->help = true;
		return 0;
	default:
		return take_value(option, value, options, err);
	}
}

static int check(const struct gc_eni_options *options, struct error *err)
{
	if (options->help)
		return 0;
	if (!options->subject)
		return error_set(err, -EINVAL,
		                 "one of --cluster, --deleted-cluster, --blocking is needed");
	if (options->instance && options->job != GC_JOB_CLUSTER)
		return error_set(err, -EINVAL, "--instance goes with --cluster");
	if (options->delete_groups && options->job != GC_JOB_DELETED_CLUSTER)
		return error_set(err, -EINVAL, "--delete-groups goes with --deleted-cluster");
	if (!options->state[0])
		return error_set(err, -EINVAL, "--state: expected a directory");
	if (options->wait && options->dry_run)
		return error_set(err, -EINVAL, "--dry-run does not wait");
	return 0;
}

static const struct option longs[] = {
	{"cluster", required_argument, NULL, OPTION_CLUSTER},
	{"instance", required_argument, NULL, OPTION_INSTANCE},
	{"deleted-cluster", required_argument, NULL, OPTION_DELETED_CLUSTER},
	{"delete-groups", no_argument, NULL, OPTION_DELETE_GROUPS},
	{"blocking", required_argument, NULL, OPTION_BLOCKING},
	{"dry-run", no_argument, NULL, OPTION_DRY_RUN},
	{"wait", no_argument, NULL, OPTION_WAIT},
	{"cool-down", required_argument, NULL, OPTION_COOL_DOWN},
	{"rate", required_argument, NULL, OPTION_RATE},
	{"state", required_argument, NULL, OPTION_STATE},
	{"region", required_argument, NULL, OPTION_REGION},
	{"endpoint", required_argument, NULL, OPTION_ENDPOINT},
	{"output", required_argument, NULL, 'o'},
	{"config", required_argument, NULL, 'c'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

int gc_eni_options_parse(int argc, char **argv, struct gc_eni_options *ret, struct error *err)
{
	int option;
	int r = 0;
	*ret = (struct gc_eni_options){.state = STATE_DIRECTORY,
	                               .cool_down = COOL_DOWN_DEFAULT * 1000,
	                               .rate = RATE_DEFAULT,
	                               .json = !isatty(STDOUT_FILENO)};
	/* From the beginning, and to say itself what is wrong. */
	optind = 0;
	opterr = 0;
	while (r == 0 && (option = getopt_long(argc, argv, "c:o:h", longs, NULL)) != -1) {
		const char *value = optarg ? optarg : "";
		if (option == '?')
			r = error_set(err, -EINVAL,
			              "%.64s: no such option, or its value is missing",
			              argv[optind - 1]);
		else
			r = take_option(option, value, ret, err);
	}
	if (r == 0 && optind < argc)
		r = error_set(err, -EINVAL, "\"%.64s\": not expected", argv[optind]);
	return r < 0 ? r : check(ret, err);
}
