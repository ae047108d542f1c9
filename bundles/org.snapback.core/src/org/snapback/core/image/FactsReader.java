// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import com.google.protobuf.ByteString;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.snapback.core.Place;
import org.snapback.core.image.schema.Descriptor;
import org.snapback.core.image.schema.Image;
import org.snapback.core.image.schema.Mapping;
import org.snapback.core.image.schema.OpenFile;
import org.snapback.core.image.schema.OpenFileKind;
import org.snapback.core.image.schema.Process;
import org.snapback.core.image.schema.SharedObject;
import org.snapback.core.image.schema.SystemVKind;
import org.snapback.core.image.schema.Thread;

/** Turns the metadata of an image into what the workbench shows of it. */
final class FactsReader {

    /** struct user_regs_struct of x86-64, 8 bytes each. */
    private static final List<String> REGISTERS = List.of(
            "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi",
            "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base", "gs_base", "ds", "es", "fs", "gs");

    private static final String[] PROTECTIONS = {"---", "r--", "-w-", "rw-", "--x", "r-x", "-wx", "rwx"};

    private final Image image;
    private final ExtentTable extents;
    private final Map<Integer, OpenFile> openFiles = new HashMap<>();
    private final Map<Integer, SharedObject> objects = new HashMap<>();
    private final Map<Integer, Integer> segments = new HashMap<>(); // System V: the space of each by its id

    private FactsReader(Image image, ExtentTable extents) {
        this.image = image;
        this.extents = extents;
        image.getOpenFileList().forEach(file -> openFiles.put(file.getId(), file));
        image.getSharedObjectList().forEach(object -> objects.put(object.getId(), object));
        image.getSystemVList().stream()
                .filter(object -> object.getKind() == SystemVKind.SYSTEM_V_KIND_SEGMENT)
                .forEach(segment -> segments.put(segment.getId(), segment.getSpace()));
    }

    static ImageFacts read(Image image, ExtentTable extents) {
        return new FactsReader(image, extents).facts();
    }

    private ImageFacts facts() {
        return new ImageFacts(
                image.getWriter(),
                Instant.ofEpochMilli(image.getTakenMs()),
                image.getSnapshot(),
                image.getName(),
                image.getSession(),
                image.getCommandList(),
                new ImageFacts.Machine(
                        image.getMachine().getArchitecture(),
                        image.getMachine().getKernel(),
                        image.getMachine().getHost()),
                place(image.getPlace()),
                image.getProcessList().stream().map(this::process).toList(),
                image.getAncestorList().stream()
                        .map(a -> new ImageFacts.Ancestor(hex(a.getId()), a.getPath().isEmpty() ? a.getFile() : a.getPath()))
                        .toList());
    }

    private static String hex(ByteString bytes) {
        return HexFormat.of().formatHex(bytes.toByteArray());
    }

    private static Place place(org.snapback.core.image.schema.Place p) {
        return new Place(p.getFunction(), p.getFile(), p.getLine(), p.getPc(), p.getReason());
    }

    private ImageProcess process(Process p) {
        Map<Long, Integer> views = new HashMap<>();
        p.getViewList().forEach(view -> views.put(view.getStart(), segments.get(view.getId())));
        List<ImageMapping> mappings = p.getMappingList().stream()
                .map(m -> mapping(m, p.getSpace(), views.get(m.getStart())))
                .toList();
        NavigableMap<Long, ImageMapping> byAddress = new TreeMap<>(Long::compareUnsigned);
        mappings.forEach(m -> byAddress.put(m.start(), m));
        return new ImageProcess(
                p.getPid(),
                p.getParent(),
                p.getExecutable().getPath(),
                p.getWorkingDirectory(),
                p.getIsDebugger(),
                p.getThreadList().stream().map(t -> thread(t, byAddress)).toList(),
                mappings,
                p.getDescriptorList().stream().map(this::descriptor).toList());
    }

    /** @param segment the space of the System V segment that is mapped; null: none is */
    private ImageMapping mapping(Mapping m, int privateSpace, Integer segment) {
        return new ImageMapping(
                m.getStart(),
                m.getEnd(),
                PROTECTIONS[m.getProtection() & PROTECTIONS.length - 1],
                kind(m),
                m.getName(),
                m.getOffset(),
                stored(m, privateSpace, segment) * ImageHeader.PAGE);
    }

    private static ImageMapping.Kind kind(Mapping m) {
        return switch (m.getKind()) {
            case MAPPING_KIND_ANONYMOUS -> ImageMapping.Kind.ANONYMOUS;
            case MAPPING_KIND_FILE_PRIVATE -> ImageMapping.Kind.FILE_PRIVATE;
            case MAPPING_KIND_FILE_SHARED -> ImageMapping.Kind.FILE_SHARED;
            case MAPPING_KIND_SHARED_OBJECT -> ImageMapping.Kind.SHARED_OBJECT;
            case MAPPING_KIND_SYSTEM_V -> ImageMapping.Kind.SYSTEM_V;
            case MAPPING_KIND_KERNEL -> ImageMapping.Kind.KERNEL;
            default -> ImageMapping.Kind.UNKNOWN;
        };
    }

    /** Pages. Those of an object stand at their offsets in it. */
    private long stored(Mapping m, int privateSpace, Integer segment) {
        SharedObject object = objects.get(m.getSharedObject());
        Integer space = object == null ? segment : Integer.valueOf(object.getSpace());
        if (space == null) {
            return extents.dataPages(privateSpace, m.getStart(), m.getEnd());
        }
        return extents.dataPages(space, m.getOffset(), m.getOffset() + (m.getEnd() - m.getStart()));
    }

    private static ImageThread thread(Thread t, NavigableMap<Long, ImageMapping> mappings) {
        return new ImageThread(
                t.getTid(),
                t.getName(),
                t.getPc(),
                t.getSp(),
                t.getSyscall(),
                where(t.getPc(), mappings),
                registers(t.getRegisters()));
    }

    private static String where(long pc, NavigableMap<Long, ImageMapping> mappings) {
        Map.Entry<Long, ImageMapping> below = mappings.floorEntry(pc);
        if (below == null || Long.compareUnsigned(pc, below.getValue().end()) >= 0) {
            return "";
        }
        ImageMapping m = below.getValue();
        String name = m.name().substring(m.name().lastIndexOf('/') + 1);
        return name.isEmpty() ? "" : name + "+0x" + Long.toHexString(pc - m.start() + m.offset());
    }

    private static Map<String, Long> registers(ByteString bytes) {
        ByteBuffer values = bytes.asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
        Map<String, Long> registers = new LinkedHashMap<>();
        for (String name : REGISTERS) {
            if (values.remaining() >= Long.BYTES) {
                registers.put(name, values.getLong());
            }
        }
        return Collections.unmodifiableMap(registers);
    }

    private ImageDescriptor descriptor(Descriptor d) {
        OpenFile open = openFiles.getOrDefault(d.getOpenFile(), OpenFile.getDefaultInstance());
        return new ImageDescriptor(
                d.getNumber(),
                kind(open),
                target(open),
                open.getFlags(),
                open.getPosition(),
                d.getCloseOnExec(),
                d.getOpenFile());
    }

    private static ImageDescriptor.Kind kind(OpenFile open) {
        return switch (open.getKind()) {
            case OPEN_FILE_KIND_FILE -> ImageDescriptor.Kind.FILE;
            case OPEN_FILE_KIND_DEVICE -> ImageDescriptor.Kind.DEVICE;
            case OPEN_FILE_KIND_TERMINAL -> ImageDescriptor.Kind.TERMINAL;
            case OPEN_FILE_KIND_PIPE -> ImageDescriptor.Kind.PIPE;
            case OPEN_FILE_KIND_FIFO -> ImageDescriptor.Kind.FIFO;
            case OPEN_FILE_KIND_EVENTFD -> ImageDescriptor.Kind.EVENTFD;
            case OPEN_FILE_KIND_EPOLL -> ImageDescriptor.Kind.EPOLL;
            case OPEN_FILE_KIND_SHARED_OBJECT -> ImageDescriptor.Kind.SHARED_OBJECT;
            case OPEN_FILE_KIND_OUTSIDE -> ImageDescriptor.Kind.OUTSIDE;
            case OPEN_FILE_KIND_PROC -> ImageDescriptor.Kind.PROC;
            case OPEN_FILE_KIND_CHANNEL -> ImageDescriptor.Kind.CHANNEL;
            case OPEN_FILE_KIND_TIMERFD -> ImageDescriptor.Kind.TIMERFD;
            case OPEN_FILE_KIND_SIGNALFD -> ImageDescriptor.Kind.SIGNALFD;
            case OPEN_FILE_KIND_INOTIFY -> ImageDescriptor.Kind.INOTIFY;
            case OPEN_FILE_KIND_FANOTIFY -> ImageDescriptor.Kind.FANOTIFY;
            case OPEN_FILE_KIND_PIDFD -> ImageDescriptor.Kind.PIDFD;
            case OPEN_FILE_KIND_PTY_MASTER -> ImageDescriptor.Kind.PTY_MASTER;
            case OPEN_FILE_KIND_PTY_SLAVE -> ImageDescriptor.Kind.PTY_SLAVE;
            case OPEN_FILE_KIND_MESSAGE_QUEUE -> ImageDescriptor.Kind.MESSAGE_QUEUE;
            case OPEN_FILE_KIND_SOCKET -> ImageDescriptor.Kind.SOCKET;
            default -> ImageDescriptor.Kind.UNKNOWN;
        };
    }

    private String target(OpenFile open) {
        if (!open.getFile().getPath().isEmpty()) {
            return open.getFile().getPath();
        }
        List<String> words = new ArrayList<>();
        SharedObject object = objects.get(open.getSharedObject());
        if (object != null) {
            words.add(object.getName());
        }
        if (open.getPipe() != 0) {
            words.add("pipe " + open.getPipe());
        }
        if (open.hasSocket()) {
            words.add("socket " + open.getSocket().getId());
        }
        if (open.getKind() == OpenFileKind.OPEN_FILE_KIND_EVENTFD) {
            words.add(Long.toUnsignedString(open.getCount()));
        }
        return String.join(" ", words);
    }
}
