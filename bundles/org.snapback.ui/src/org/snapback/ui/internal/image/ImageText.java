// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.image;

import org.snapback.core.image.ImageDescriptor;
import org.snapback.core.image.ImageDifference;
import org.snapback.core.image.ImageMapping;
import org.snapback.ui.internal.Messages;

/** How the parts of an image read in words. */
final class ImageText {

    private ImageText() {}

    static String kind(ImageDifference.Kind kind) {
        return switch (kind) {
            case PROCESS -> Messages.differenceProcess;
            case MAPPING -> Messages.differenceMapping;
            case THREAD -> Messages.differenceThread;
            case REGISTER -> Messages.differenceRegister;
            case DESCRIPTOR -> Messages.differenceDescriptor;
            case PAGES -> Messages.differencePages;
        };
    }

    static String kind(ImageMapping.Kind kind) {
        return switch (kind) {
            case ANONYMOUS -> Messages.mappingAnonymous;
            case FILE_PRIVATE -> Messages.mappingFilePrivate;
            case FILE_SHARED -> Messages.mappingFileShared;
            case SHARED_OBJECT -> Messages.mappingSharedObject;
            case SYSTEM_V -> Messages.mappingSystemV;
            case KERNEL -> Messages.mappingKernel;
            case UNKNOWN -> Messages.kindUnknown;
        };
    }

    static String kind(ImageDescriptor.Kind kind) {
        return switch (kind) {
            case FILE -> Messages.descriptorFile;
            case DEVICE -> Messages.descriptorDevice;
            case TERMINAL -> Messages.descriptorTerminal;
            case PIPE -> Messages.descriptorPipe;
            case FIFO -> Messages.descriptorFifo;
            case EVENTFD -> Messages.descriptorEventfd;
            case EPOLL -> Messages.descriptorEpoll;
            case SHARED_OBJECT -> Messages.descriptorSharedObject;
            case OUTSIDE -> Messages.descriptorOutside;
            case PROC -> Messages.descriptorProc;
            case CHANNEL -> Messages.descriptorChannel;
            case TIMERFD -> Messages.descriptorTimerfd;
            case SIGNALFD -> Messages.descriptorSignalfd;
            case INOTIFY, FANOTIFY -> Messages.descriptorInotify;
            case PIDFD -> Messages.descriptorPidfd;
            case PTY_MASTER -> Messages.descriptorPtyMaster;
            case PTY_SLAVE -> Messages.descriptorPtySlave;
            case MESSAGE_QUEUE -> Messages.descriptorMessageQueue;
            case SOCKET -> Messages.descriptorSocket;
            case UNKNOWN -> Messages.kindUnknown;
        };
    }

    static String hex(long number) {
        return "0x" + Long.toHexString(number);
    }
}
