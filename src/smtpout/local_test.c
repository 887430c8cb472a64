/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs for Maildirs while the role stops: each is given back, and the end is said once all are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "smtpout/client_scene.h"
#include "smtpout/local.h"

struct scene {
	struct loop *loop;
	struct offload *threads;
	struct local *local;
	size_t loaded, ended, empties;
};

/* It cannot be read: that is not what is tried here. */
static bool load(void *owner, struct job *job)
{
	struct scene *scene = owner;

	(void)job;
	scene->loaded++;
	return false;
}

static void ended(void *owner, struct job *job)
{
	struct scene *scene = owner;

	scene->ended++;
	job_free(job);
}

static void empty(void *owner)
{
	struct scene *scene = owner;

	scene->empties++;
}

static void scene_open(struct scene *scene)
{
	*scene = (struct scene){.loop = sim_open(0)};
	scene->threads = offload_open(scene->loop, 1);
	assert_non_null(scene->threads);
	scene->local = local_open(
		scene->loop, scene->threads, 0, (struct pool_link){load, ended, empty, scene});
}

static void scene_close(struct scene *scene)
{
	local_close(scene->local);
	offload_close(scene->threads);
	loop_close(scene->loop);
}

static void scene_add(struct scene *scene)
{
	local_add(scene->local, scene_job("a@us.example", "b@example.org", SLICE("x\r\n"), 0));
}

static void each_job_is_loaded_and_given_back(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	for (size_t i = 0; i < 2 * LOCAL_AT_ONCE; i++)
		scene_add(&scene);
	loop_run(scene.loop);
	assert_int_equal(scene.loaded, 2 * LOCAL_AT_ONCE);
	assert_int_equal(scene.ended, 2 * LOCAL_AT_ONCE);
	assert_int_equal(scene.empties, 0);
	local_stop(scene.local);
	assert_int_equal(scene.empties, 1);
	scene_close(&scene);
}

/* The queue may have sent more before it heard of the end: such a job must not wait for somebody
 * who takes it. */
static void a_job_that_comes_while_the_last_is_at_work_is_given_back_untried(void **state)
{
	struct scene scene;

	(void)state;
	scene_open(&scene);
	scene_add(&scene); /* its task runs below */
	local_stop(scene.local);
	assert_int_equal(scene.ended, 1);
	scene_add(&scene);
	assert_int_equal(scene.ended, 2);
	assert_int_equal(scene.empties, 0);
	loop_run(scene.loop);
	assert_int_equal(scene.empties, 1);
	assert_int_equal(local_count(scene.local), 0);
	assert_int_equal(scene.loaded, 0);
	scene_close(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_job_is_loaded_and_given_back),
		cmocka_unit_test(a_job_that_comes_while_the_last_is_at_work_is_given_back_untried),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
