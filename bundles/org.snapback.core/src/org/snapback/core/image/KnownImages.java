// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.eclipse.core.runtime.ILog;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.Platform;
import org.eclipse.core.runtime.Status;
import org.eclipse.core.runtime.jobs.Job;
import org.eclipse.jdt.annotation.Nullable;
import org.osgi.framework.FrameworkUtil;
import org.snapback.core.Session;
import org.snapback.core.SessionChange;
import org.snapback.core.Sessions;
import org.snapback.core.Snapshot;

/**
 * The images that were saved or opened here, remembered over sessions and restarts; thread-safe.
 *
 * <p>Only names are kept; what an image holds is read from it, in the background. One that is not there is not listed,
 * and is listed again when it is back.
 */
public final class KnownImages {

    /** Hears that the list has changed, on whatever thread. */
    @FunctionalInterface
    public interface Listener {
        void imagesChanged();
    }

    /** The oldest are forgotten first. */
    private static final int MOST = 1000;

    private static final String STATE = "images";

    private static volatile Optional<KnownImages> instance = Optional.empty();

    private final Path state;
    private final Map<Path, Optional<KnownImage>> images = new LinkedHashMap<>();
    private final List<Listener> listeners = new CopyOnWriteArrayList<>();
    private final Job reading = new ReadJob();

    /** @param state the file that remembers them */
    public KnownImages(Path state) {
        this.state = state;
        load();
    }

    /** Those of this workspace; from the first call on, what any session saves is among them. */
    public static synchronized KnownImages get() {
        if (instance.isEmpty()) {
            Path folder = Platform.getStateLocation(FrameworkUtil.getBundle(KnownImages.class)).toPath();
            KnownImages images = new KnownImages(folder.resolve(STATE));
            images.follow(Sessions.get());
            instance = Optional.of(images);
        }
        return instance.orElseThrow();
    }

    private void follow(Sessions sessions) {
        sessions.addListener(new Sessions.Listener() {
            @Override
            public void sessionOpened(Session session) {
                follow(session);
            }

            @Override
            public void sessionClosed(Session session) {
                refresh();
            }
        });
        sessions.all().forEach(this::follow);
    }

    private void follow(Session session) {
        session.addListener((s, change) -> {
            if (change instanceof SessionChange.Updated updated) {
                remember(updated.snapshot());
            } else if (change instanceof SessionChange.Deleted) {
                refresh();
            }
        });
        session.snapshots().forEach(this::remember);
    }

    private void remember(Snapshot snapshot) {
        snapshot.image().ifPresent(image -> add(image.file()));
    }

    /** Those that are there and have been looked at; the one that was added last is the first. */
    public synchronized List<KnownImage> all() {
        List<KnownImage> all = new ArrayList<>();
        images.values().forEach(image -> image.ifPresent(known -> all.add(0, known)));
        return all;
    }

    public Optional<KnownImage> find(Path file) {
        return all().stream().filter(image -> image.file().equals(file)).findFirst();
    }

    /** Those that cannot be used without that image, because they refer to pages in it. */
    public List<KnownImage> builtOn(KnownImage image) {
        return all().stream().filter(other -> other.ancestors().contains(image.id())).toList();
    }

    /** Remembers an image, or looks at it again. */
    public void add(Path file) {
        Path path = file.toAbsolutePath().normalize();
        synchronized (this) {
            if (!images.containsKey(path)) {
                images.put(path, Optional.empty());
                forgetTheOldest();
                save();
            }
        }
        refresh();
    }

    private void forgetTheOldest() {
        while (images.size() > MOST) {
            images.remove(images.keySet().iterator().next());
        }
    }

    /** Takes it from the list; the file stays. */
    public void forget(Path file) {
        synchronized (this) {
            images.remove(file);
            save();
        }
        tell();
    }

    /** Removes the file, and takes it from the list. Blocks as a disk does. */
    public void delete(Path file) throws IOException {
        Files.deleteIfExists(file);
        forget(file);
    }

    /** Looks at all of them again, in the background. */
    public void refresh() {
        reading.schedule();
    }

    public void addListener(Listener listener) {
        listeners.add(listener);
    }

    public void removeListener(Listener listener) {
        listeners.remove(listener);
    }

    private void tell() {
        listeners.forEach(Listener::imagesChanged);
    }

    private void load() {
        try {
            if (Files.exists(state)) {
                Files.readAllLines(state, StandardCharsets.UTF_8).forEach(this::loaded);
            }
        } catch (IOException e) {
            ILog.of(KnownImages.class).error("The list of saved snapshots cannot be read: " + e.getMessage(), e);
        }
        refresh();
    }

    private void loaded(String line) {
        try {
            images.put(Path.of(line), Optional.empty());
        } catch (InvalidPathException e) {
            ILog.of(KnownImages.class).warn("The list of saved snapshots names what cannot be a file: " + line, e);
        }
    }

    /** Written aside, then put in place. */
    private void save() {
        Path aside = state.resolveSibling(STATE + ".new");
        List<String> lines = images.keySet().stream()
                .map(Path::toString)
                .filter(name -> name.indexOf('\n') < 0)
                .toList();
        try {
            Files.createDirectories(state.getParent());
            Files.write(aside, lines, StandardCharsets.UTF_8);
            Files.move(aside, state, StandardCopyOption.REPLACE_EXISTING, StandardCopyOption.ATOMIC_MOVE);
        } catch (IOException e) {
            ILog.of(KnownImages.class).error("The list of saved snapshots cannot be written: " + e.getMessage(), e);
        }
    }

    private synchronized List<Path> files() {
        return List.copyOf(images.keySet());
    }

    /** @return true: what is known of it has changed */
    private synchronized boolean learn(Path file, Optional<KnownImage> found) {
        return images.containsKey(file) && !images.put(file, found).equals(found);
    }

    private final class ReadJob extends Job {

        ReadJob() {
            super("Looking at saved snapshots");
            setSystem(true);
        }

        @Override
        protected IStatus run(@Nullable IProgressMonitor monitor) {
            for (Path file : files()) {
                if (learn(file, KnownImage.read(file))) {
                    tell();
                }
            }
            return Status.OK_STATUS;
        }
    }
}
