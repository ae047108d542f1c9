// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.commands;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.eclipse.core.runtime.CoreException;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.IStatus;
import org.eclipse.core.runtime.OperationCanceledException;
import org.eclipse.core.runtime.Status;
import org.eclipse.core.runtime.SubMonitor;
import org.eclipse.core.runtime.jobs.Job;
import org.eclipse.jface.dialogs.MessageDialog;
import org.eclipse.jface.viewers.LabelProvider;
import org.eclipse.jface.window.Window;
import org.eclipse.swt.widgets.Display;
import org.eclipse.swt.widgets.Shell;
import org.eclipse.ui.PartInitException;
import org.eclipse.ui.PlatformUI;
import org.eclipse.ui.dialogs.ElementListSelectionDialog;
import org.eclipse.ui.progress.IProgressConstants;
import org.snapback.core.Failure;
import org.snapback.core.SaveOptions;
import org.snapback.core.SavedImage;
import org.snapback.core.Session;
import org.snapback.core.Snapshot;
import org.snapback.core.image.ImageComparison;
import org.snapback.core.image.ImageDifference;
import org.snapback.core.image.ImageFacts;
import org.snapback.core.image.ImageFile;
import org.snapback.core.image.KnownImage;
import org.snapback.core.image.KnownImages;
import org.snapback.core.operations.SaveSnapshotOperation;
import org.snapback.core.program.PageDifferences;
import org.snapback.debug.DebugPreferences;
import org.snapback.ui.internal.Images;
import org.snapback.ui.internal.Messages;
import org.snapback.ui.internal.Notices;
import org.snapback.ui.internal.TargetSession;
import org.snapback.ui.internal.image.ComparisonEditor;
import org.snapback.ui.internal.image.ComparisonInput;

/** Compares two snapshots by their images; one that lives and is not saved is saved first, if the user agrees. */
public final class Comparing {

    private Comparing() {}

    /** One of the two that are compared. */
    public sealed interface Side {

        record Live(Session session, Snapshot snapshot) implements Side {}

        record Saved(Path file, String label) implements Side {}

        static Side of(KnownImage image) {
            return new Saved(image.file(), image.label());
        }

        /** A snapshot that is saved is compared by its image. */
        static Side of(Session session, Snapshot snapshot) {
            return snapshot.image()
                    .map(SavedImage::file)
                    .filter(Files::exists)
                    .<Side>map(file -> new Saved(file, snapshot.label()))
                    .orElseGet(() -> new Live(session, snapshot));
        }

        default String name() {
            if (this instanceof Live live) {
                return Messages.bind(Messages.compareLive, live.snapshot().label(), live.session().name());
            }
            Saved saved = (Saved) this;
            return Messages.bind(Messages.compareSaved, saved.label(), saved.file());
        }
    }

    /** @param chosen two, or one: the user is asked for the other */
    public static void start(Shell shell, List<Side> chosen) {
        List<Side> sides = new ArrayList<>(chosen);
        if (sides.size() == 1) {
            sides.addAll(askForTheOther(shell, sides.get(0)));
        }
        boolean mustSave = sides.stream().anyMatch(Side.Live.class::isInstance);
        if (sides.size() == 2
                && (!mustSave || MessageDialog.openConfirm(shell, Messages.compareTitle, Messages.compareSaveFirst))) {
            Job job = new CompareJob(sides.get(0), sides.get(1));
            job.setUser(true);
            job.schedule();
        }
    }

    /** One, or none. */
    private static List<Side> askForTheOther(Shell shell, Side first) {
        ElementListSelectionDialog dialog = new ElementListSelectionDialog(
                shell, LabelProvider.createTextImageProvider(side -> ((Side) side).name(), side -> Images.IMAGE.image()));
        dialog.setTitle(Messages.compareTitle);
        dialog.setMessage(Messages.bind(Messages.compareWith, first.name()));
        dialog.setElements(candidates().filter(side -> !side.equals(first)).toArray());
        return dialog.open() == Window.OK && dialog.getFirstResult() instanceof Side other ? List.of(other) : List.of();
    }

    private static Stream<Side> candidates() {
        Stream<Side> live = TargetSession.get().session().stream()
                .flatMap(session -> session.snapshots().stream().map(snapshot -> Side.of(session, snapshot)));
        Stream<Side> saved = KnownImages.get().all().stream()
                .filter(image -> image.problem().isEmpty())
                .map(Side::of);
        return Stream.concat(live, saved).distinct();
    }

    /** Saves what is not saved, reads both images, and shows in an editor how they differ. */
    private static final class CompareJob extends Job {

        private final Side left;
        private final Side right;

        CompareJob(Side left, Side right) {
            super(Messages.compareTitle);
            this.left = left;
            this.right = right;
            setProperty(IProgressConstants.NO_IMMEDIATE_ERROR_PROMPT_PROPERTY, Boolean.TRUE);
        }

        @Override
        protected IStatus run(IProgressMonitor monitor) {
            SubMonitor progress = SubMonitor.convert(monitor, 3);
            try {
                Path first = file(left, progress.split(1));
                Path second = file(right, progress.split(1));
                ImageFacts before = ImageFile.read(first).facts();
                ImageFacts after = ImageFile.read(second).facts();
                List<ImageDifference> differences = new ArrayList<>(ImageComparison.of(before, after));
                differences.addAll(PageDifferences.of(first, second, progress.split(1)));
                ComparisonInput input = new ComparisonInput(first, before, second, after, differences);
                onDisplay(() -> show(input));
                return Status.OK_STATUS;
            } catch (OperationCanceledException e) {
                return Status.CANCEL_STATUS;
            } catch (CoreException e) {
                return failed(e);
            } catch (IOException e) {
                return failed(Failure.IMAGE.exception(Messages.bind(Messages.compareFailed, e.getMessage()), e));
            }
        }

        private static IStatus failed(CoreException e) {
            onDisplay(() -> Notices.failed(e.getStatus()));
            return e.getStatus();
        }

        private static Path file(Side side, IProgressMonitor monitor) throws CoreException {
            if (side instanceof Side.Saved saved) {
                return saved.file();
            }
            Side.Live live = (Side.Live) side;
            Path folder = DebugPreferences.imageFolder();
            Path file = new SaveSnapshotOperation(
                            live.session(), live.snapshot().id(), folder, SaveOptions.DEFAULT)
                    .execute(monitor)
                    .file();
            KnownImages.get().add(file);
            return file;
        }
    }

    private static void onDisplay(Runnable action) {
        Display display = PlatformUI.isWorkbenchRunning() ? PlatformUI.getWorkbench().getDisplay() : null;
        if (display != null && !display.isDisposed()) {
            display.asyncExec(action);
        }
    }

    private static void show(ComparisonInput input) {
        try {
            PlatformUI.getWorkbench()
                    .getActiveWorkbenchWindow()
                    .getActivePage()
                    .openEditor(input, ComparisonEditor.ID);
        } catch (PartInitException e) {
            Notices.failed(e.getStatus());
        }
    }
}
