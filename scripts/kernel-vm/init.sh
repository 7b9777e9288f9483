#!/bin/sh
# The first process of the VM (busybox). Puts the host's root below a layer of memory, and runs /job/cmd in it.
# From the kernel's command line: vm.modules=a,b
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev

fail() { echo "[vm] $*" >/dev/console; poweroff -f; }
option() { for word in $(cat /proc/cmdline); do case $word in "$1"=*) echo "${word#*=}" ;; esac; done; }
load() { for file in $(cat "/modules/$1.list" 2>/dev/null); do insmod "/modules/$file" 2>/dev/null; done; }

modules=$(option vm.modules)
load overlay
load 9p

mkdir -p /lower /memory /new /job
share=trans=virtio,version=9p2000.L,msize=524288
mount -t 9p -o "$share,cache=loose,ro" root /lower || fail 'cannot mount the root of the host'
mount -t 9p -o "$share,cache=none" job /job || fail 'cannot mount the job'
mount -t tmpfs -o mode=755 memory /memory
mkdir /memory/upper /memory/work
mount -t overlay -o lowerdir=/lower,upperdir=/memory/upper,workdir=/memory/work overlay /new ||
  fail 'cannot lay memory over the root'
for module in $(echo "$modules" | tr , ' '); do load "$module"; done

mount --move /dev /new/dev
mount --move /proc /new/proc
mount --move /sys /new/sys
mkdir -p /new/dev/shm /new/dev/pts /new/job
mount -t tmpfs shm /new/dev/shm
mount -t devpts pts /new/dev/pts
mount -t tmpfs run /new/run
mount --move /job /new/job
mount -t debugfs debugfs /new/sys/kernel/debug 2>/dev/null
mount --bind /new/sys /sys
# Tests take modules out and put them back: their files, and a busybox that can.
mkdir -p /new/run/kernel-vm/bin
cp /bin/busybox /new/run/kernel-vm/bin/
for applet in insmod rmmod lsmod dmesg; do ln -s busybox "/new/run/kernel-vm/bin/$applet"; done
cp -r /modules /new/run/kernel-vm/
ip link set lo up
hostname kernel-vm

# A serial port of virtio is a plain pipe; a console would add carriage returns, and crawl.
port() {
  for folder in /sys/class/virtio-ports/*; do
    [ "$(cat "$folder/name")" = "$1" ] && echo "/new/dev/${folder##*/}"
  done
}
cd /
setsid chroot /new /bin/sh /job/cmd </new/dev/null >"$(port out)" 2>"$(port err)"
status=$?
echo $status >/new/job/status
sync
# Writing to this port ends QEMU at once; the status above is what counts.
printf "\\$(printf %03o $((status & 127)))" |
  dd of=/new/dev/port bs=1 seek=$((0x501)) conv=notrunc 2>/dev/null
poweroff -f
