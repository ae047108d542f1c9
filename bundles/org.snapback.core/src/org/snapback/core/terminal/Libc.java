// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.terminal;

import com.sun.jna.Library;
import com.sun.jna.Memory;
import com.sun.jna.Native;
import com.sun.jna.NativeLong;
import com.sun.jna.Pointer;
import com.sun.jna.StringArray;
import com.sun.jna.ptr.IntByReference;

/** The functions of the C library that Java lacks, by their own names; see their man pages. */
interface Libc extends Library {

    Libc C = Native.load("c", Libc.class);

    int O_RDWR = 02;
    int O_NOCTTY = 0400;
    int O_CLOEXEC = 02000000;

    int EINTR = 4;
    int EIO = 5;

    short POLLIN = 1;
    short POLLOUT = 4;

    int SIGKILL = 9;
    int SIGTERM = 15;

    NativeLong TIOCSWINSZ = new NativeLong(0x5414);

    int TCSANOW = 0;

    int P_PID = 1;
    int WEXITED = 4;
    int WNOWAIT = 0x01000000;

    short POSIX_SPAWN_SETSIGDEF = 0x04;
    short POSIX_SPAWN_SETSIGMASK = 0x08;
    short POSIX_SPAWN_SETSID = 0x80;

    int posix_openpt(int flags);

    int grantpt(int fd);

    int unlockpt(int fd);

    int ptsname_r(int fd, byte[] name, NativeLong size);

    int tcgetattr(int fd, Memory termios);

    int tcsetattr(int fd, int when, Memory termios);

    int ioctl(int fd, NativeLong request, Memory argument);

    int pipe2(int[] ends, int flags);

    NativeLong read(int fd, Memory buffer, NativeLong size);

    NativeLong write(int fd, Memory buffer, NativeLong size);

    int poll(Memory descriptors, NativeLong count, int timeoutMs);

    int close(int fd);

    int kill(int pid, int signal);

    int waitpid(int pid, IntByReference status, int options);

    int waitid(int idType, int id, Memory info, int options);

    int posix_spawn(
            IntByReference pid,
            String path,
            Pointer actions,
            Pointer attributes,
            StringArray arguments,
            StringArray environment);

    int posix_spawnattr_init(Pointer attributes);

    int posix_spawnattr_destroy(Pointer attributes);

    int posix_spawnattr_setflags(Pointer attributes, short flags);

    int posix_spawnattr_setsigdefault(Pointer attributes, Pointer signals);

    int posix_spawnattr_setsigmask(Pointer attributes, Pointer signals);

    int posix_spawn_file_actions_init(Pointer actions);

    int posix_spawn_file_actions_destroy(Pointer actions);

    int posix_spawn_file_actions_addopen(Pointer actions, int fd, String path, int flags, int mode);

    int posix_spawn_file_actions_adddup2(Pointer actions, int fd, int newFd);

    int posix_spawn_file_actions_addclose(Pointer actions, int fd);

    int posix_spawn_file_actions_addchdir_np(Pointer actions, String folder);

    /** Since glibc 2.34. */
    int posix_spawn_file_actions_addclosefrom_np(Pointer actions, int from);

    int sigemptyset(Pointer signals);

    int sigfillset(Pointer signals);

    String strerror(int number);
}
