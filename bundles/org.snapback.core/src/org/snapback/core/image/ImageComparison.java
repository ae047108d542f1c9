// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;
import org.eclipse.jdt.annotation.Nullable;
import org.snapback.core.image.ImageDifference.Kind;

/** Compares what two images say of processes, mappings, threads with their registers, and descriptors. */
public final class ImageComparison {

    private final List<ImageDifference> differences = new ArrayList<>();

    private ImageComparison() {}

    /** In the order of processes, and within each: mappings, threads, descriptors. */
    public static List<ImageDifference> of(ImageFacts left, ImageFacts right) {
        ImageComparison comparison = new ImageComparison();
        comparison.each(left.processes(), right.processes(), ImageProcess::pid, comparison::processes);
        return List.copyOf(comparison.differences);
    }

    /** Takes in two things of one key; null: that side has none. */
    private interface Both<K, T> {
        void compare(K key, @Nullable T left, @Nullable T right);
    }

    private <K, T> void each(Collection<T> left, Collection<T> right, Function<T, K> key, Both<K, T> compare) {
        Map<K, T> lefts = byKey(left, key);
        Map<K, T> rights = byKey(right, key);
        Set<K> keys = new LinkedHashSet<>(lefts.keySet());
        keys.addAll(rights.keySet());
        keys.forEach(k -> compare.compare(k, lefts.get(k), rights.get(k)));
    }

    private static <K, T> Map<K, T> byKey(Collection<T> things, Function<T, K> key) {
        Map<K, T> map = new LinkedHashMap<>();
        things.forEach(thing -> map.put(key.apply(thing), thing));
        return map;
    }

    private void add(Kind kind, String what, String left, String right) {
        if (!left.equals(right)) {
            differences.add(new ImageDifference(kind, what, left, right));
        }
    }

    private void processes(Integer pid, @Nullable ImageProcess left, @Nullable ImageProcess right) {
        if (left == null || right == null) {
            add(Kind.PROCESS, "process " + pid, executable(left), executable(right));
            return;
        }
        add(Kind.PROCESS, "process " + pid + ", executable", left.executable(), right.executable());
        add(Kind.PROCESS, "process " + pid + ", directory", left.workingDirectory(), right.workingDirectory());
        each(left.mappings(), right.mappings(), ImageMapping::start, this::mappings);
        each(left.threads(), right.threads(), ImageThread::tid, this::threads);
        each(left.descriptors(), right.descriptors(), ImageDescriptor::number, this::descriptors);
    }

    private static String executable(@Nullable ImageProcess process) {
        return process == null ? "" : process.executable();
    }

    private void mappings(Long start, @Nullable ImageMapping left, @Nullable ImageMapping right) {
        add(Kind.MAPPING, hex(start), describe(left), describe(right));
    }

    private static String describe(@Nullable ImageMapping mapping) {
        return mapping == null
                ? ""
                : hex(mapping.start()) + "-" + hex(mapping.end()) + " " + mapping.protection() + " " + mapping.name();
    }

    private void threads(Integer tid, @Nullable ImageThread left, @Nullable ImageThread right) {
        String what = "thread " + tid;
        add(Kind.THREAD, what, describe(left), describe(right));
        if (left == null || right == null) {
            return;
        }
        left.registers().forEach((name, value) -> {
            Long other = right.registers().get(name);
            if (!Objects.equals(value, other)) {
                add(Kind.REGISTER, what + ", " + name, hex(value), other == null ? "" : hex(other));
            }
        });
    }

    private static String describe(@Nullable ImageThread thread) {
        if (thread == null) {
            return "";
        }
        String place = thread.where().isEmpty() ? hex(thread.pc()) : thread.where();
        String call = thread.syscall().isEmpty() ? "" : " in " + thread.syscall();
        return thread.name() + " at " + place + call;
    }

    private void descriptors(Integer number, @Nullable ImageDescriptor left, @Nullable ImageDescriptor right) {
        add(Kind.DESCRIPTOR, Integer.toString(number), describe(left), describe(right));
    }

    private static String describe(@Nullable ImageDescriptor descriptor) {
        if (descriptor == null) {
            return "";
        }
        String target = descriptor.target().isEmpty()
                ? descriptor.kind().name().toLowerCase(Locale.ROOT)
                : descriptor.target();
        String position = descriptor.hasPosition() ? " at " + descriptor.position() : "";
        return target + " " + descriptor.access() + position;
    }

    private static String hex(long number) {
        return "0x" + Long.toHexString(number);
    }
}
